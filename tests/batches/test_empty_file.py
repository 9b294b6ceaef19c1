"""The empty file with the columns of the model: filled, it is recognised without a question."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import openpyxl
import pytest
from django.urls import reverse

from mlcore import registry
from mlcore.engine.ingest import matching
from predictions.batches import empty_file
from predictions.models import BatchState, Prediction
from tests.batches.conftest import work_to_the_end
from tests.batches.pages import NEW, bring, columns_of, send, text_of

pytestmark = pytest.mark.usefixtures("active_model")


def download(client, export, language):
    return client.get(
        reverse("batches:template"), {"export": export}, headers={"Accept-Language": language}
    )


def answers(language):
    """One employee, as a person of that language writes it."""
    schema = registry.active().schema
    typical = [
        feature.typical
        if feature.kind == "scale"
        else feature.choice_label(feature.typical, language)
        if feature.kind == "choice"
        else feature.typical
        for feature in schema.features
    ]
    return ["E-1", *typical]


def filled(answer, export, language):
    content = answer.content
    if export == "csv":
        line = io.StringIO(newline="")
        csv.writer(line, delimiter=";" if language == "fr" else ",").writerow(answers(language))
        return content + line.getvalue().encode()
    book = openpyxl.load_workbook(io.BytesIO(content))
    book.worksheets[0].append(answers(language))
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("export", ["csv", "xlsx"])
def test_filled_and_brought_every_column_is_recognised(as_alice, export, language):
    content = filled(download(as_alice, export, language), export, language)
    batch = bring(as_alice, content, f"to-fill.{export}")
    page = as_alice.get(columns_of(batch))
    proposal = page.context["form"].proposal
    schema = registry.active().schema
    assert set(proposal.uses) == {"employee_id", *(f.name for f in schema.features)}
    assert "likeness" not in proposal.how
    assert page.context["first"].refused == 0
    send(as_alice, batch, "assess")
    work_to_the_end(batch)
    assert batch.state == BatchState.DONE
    inputs = Prediction.objects.get(batch=batch).inputs
    assert inputs == {feature.name: feature.typical for feature in schema.features}


@pytest.mark.parametrize("export", ["csv", "xlsx"])
def test_brought_as_it_is_it_has_no_employees(as_alice, export):
    sent = io.BytesIO(download(as_alice, export, "en").content)
    sent.name = f"to-fill.{export}"
    page = as_alice.post(NEW, {"file": sent})
    assert "no employees below it" in text_of(page)


def test_the_second_sheet_explains_each_column(as_alice):
    book = openpyxl.load_workbook(io.BytesIO(download(as_alice, "xlsx", "en").content))
    empty, explained = book.worksheets
    headers = [cell.value for cell in empty[1]]
    rows = {row[0]: row[1:] for row in explained.iter_rows(min_row=2, values_only=True)}
    assert set(headers) <= rows.keys()
    assert rows["Works overtime"][1] == "No; Yes"
    assert rows["Distance from home to work"][1].startswith("A whole number from 0 to 500.")
    assert "does not name it" in rows["Distance from home to work"][2]
    lists = {
        str(v.sqref).partition("2")[0]: v.formula1 for v in empty.data_validations.dataValidation
    }
    assert '"No,Yes"' in lists.values()


def test_what_is_for_fairness_checks_only_is_not_asked(as_alice):
    headers = download(as_alice, "csv", "en").content.decode("utf-8-sig").strip().split(",")
    audit = {feature.label["en"] for feature in registry.active().schema.audit}
    assert audit
    assert not audit & set(headers)


def test_two_questions_of_one_label_come_back_apart():
    schema = registry.active().schema
    first, second, third, *others = schema.features
    second = replace(second, label=first.label)
    third = replace(third, label={"en": "=1+1"})
    alike = replace(schema, features=(first, second, third, *others))
    headers = [column.header for column in empty_file.asked(alike, "en")]
    found = [column.field for column in matching.match(headers, [], alike)]
    assert found == ["employee_id", *(feature.name for feature in alike.features)]
    assert not any(header.startswith("=") for header in headers)


@pytest.mark.parametrize("who", ["bob", "dave", "erin"])
def test_it_is_for_those_who_bring_files(client, request, who):
    client.force_login(request.getfixturevalue(who))
    assert download(client, "csv", "en").status_code == 403


def test_the_page_leads_to_it(as_alice):
    page = text_of(as_alice.get(NEW))
    assert reverse("batches:template") + "?export=xlsx" in page
    assert as_alice.get(reverse("batches:template")).status_code == 404
