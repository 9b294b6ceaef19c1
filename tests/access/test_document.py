"""docs/access.md is what the table of doors is."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management import get_commands

from attrition_site.access import DOORS, RECORDS, WITHIN
from attrition_site.access_document import draw


def test_the_document_is_up_to_date():
    document = Path(settings.BASE_DIR) / "docs" / "access.md"
    assert document.read_text(encoding="utf-8") == draw(), (
        "Run: python -m attrition_site.access_document docs/access.md"
    )


def test_every_door_and_every_command_of_ours_is_in_it():
    drawn = draw()
    of_records = {door.address for records in RECORDS for door in records.doors}
    for door in DOORS:
        assert door.address in of_records or f"| `{door.address}` |" in drawn
    for each in (*RECORDS, *WITHIN):
        assert f"| {each.what} |" in drawn
    for name, app in get_commands().items():
        if app in ("accounts", "mlcore", "predictions"):
            assert f"- `{name}`: " in drawn
