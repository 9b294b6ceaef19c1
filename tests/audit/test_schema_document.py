"""docs/database.md is what the models are."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.utils import translation

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "database.md"


@pytest.fixture
def drawn():
    output = io.StringIO()
    call_command("draw_schema", stdout=output)
    return output.getvalue()


def test_the_document_is_up_to_date(drawn):
    assert DOCUMENT.read_text(encoding="utf-8") == drawn, (
        "Run: python manage.py draw_schema --output docs/database.md"
    )


def test_every_table_column_index_and_constraint_of_ours_is_in_it(drawn):
    for label in ("accounts", "mlcore", "predictions"):
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            section = drawn.split(f"\n## {model._meta.db_table}\n")[1].split("\n## ")[0]
            for field in model._meta.local_concrete_fields:
                assert f"| `{field.column}` |" in section
            for item in (*model._meta.indexes, *model._meta.constraints):
                assert f"| `{item.name}` |" in section


def test_an_index_says_which_query_it_serves(drawn):
    assert "| `prediction_own` | `requested_by`, `-created_at`, `-id` | The history of an" in drawn


def test_it_says_that_records_are_append_only(drawn):
    section = drawn.split("\n## predictions_prediction\n")[1]
    assert "Triggers refuse `UPDATE` and `DELETE`" in section


def test_the_reader_s_language_does_not_matter(drawn):
    output = io.StringIO()
    with translation.override("fr"):
        call_command("draw_schema", stdout=output)
    assert output.getvalue() == drawn


def test_it_can_be_written_to_a_file(drawn, tmp_path):
    file = tmp_path / "database.md"
    call_command("draw_schema", output=file)
    assert file.read_text(encoding="utf-8") == drawn
