"""What the page of columns says of the first rows is what becomes of them."""

from __future__ import annotations

import pytest

from mlcore import registry
from predictions.batches import first_rows
from predictions.models import RefusedRow
from tests.batches.exports_of_hr import export
from tests.batches.pages import bring, columns_of, send, text_of

pytestmark = pytest.mark.usefixtures("active_model")

CELLS = [
    {"MonthlyIncome": ["2 100 €", "2 200 €", "2 300 €"]},
    {"MonthlyIncome": ["2 100 $", "2 200 €"]},
    {"MonthlyIncome": ["$2,100", "$2,200.50"]},
    {"MonthlyIncome": ["2.100", "22,5"]},
    {"MonthlyIncome": ["2.100", "2.200"]},
    {"MonthlyIncome": ["'2100", "a lot", "", "1e3"]},
    {"MonthlyIncome": ["'-5", "-5", "'=2+3"]},
    {"MonthlyIncome": ["80 %", "90 %"]},
    {"Age": ["41 ans", "42 ans"]},
    {"EmployeeNumber": ['="00123"', "'=E", "E-1", ""]},
    {"OverTime": ["oui", "'-", "peut-être"]},
    {"OverTime": [""], "MonthlyIncome": [""], "JobRole": [""]},
    {"Department": ["2,5", "0,125"], "MonthlyIncome": ["2,100", "2,200"]},
]


@pytest.mark.parametrize("changed", CELLS, ids=str)
@pytest.mark.parametrize("separator", [",", ";"])
def test_the_preview_refuses_just_what_the_work_refuses(alice, tried, changed, separator):
    batch = tried(alice, export(12, separator=separator, **changed))
    first = first_rows.understood(
        first_rows.of(batch),
        batch.matched,
        registry.active().schema,
        "en",
        grouped=batch.grouped,
        width=len(batch.headers),
        delimiter=separator,
    )
    refused = RefusedRow.objects.filter(batch=batch)
    assert first.looked_at == 12
    assert first.refused == refused.count()
    fields = [name for row in refused for name in (p["field"] for p in row.problems)]
    counted = {name: found.count for name, found in first.unreadable.items()}
    assert counted == {name: fields.count(name) for name in set(fields)}


def test_a_sign_beside_every_number_is_no_fault(as_alice):
    content = export(MonthlyIncome=["2100 €", "2200 €"])
    page = as_alice.get(columns_of(bring(as_alice, content)))
    assert page.context["first"].refused == 0
    [income] = [r for _label, _unit, _header, r in page.context["readings"] if r.place == 3]
    assert income.cells[0].text == "2,100"


def test_where_every_row_is_refused_the_column_that_is_the_cause_is_marked(as_alice):
    content = export(MonthlyIncome=["a lot"])
    page = as_alice.get(columns_of(bring(as_alice, content)))
    first = page.context["first"]
    assert (first.refused, first.looked_at) == (12, 12)
    assert first.unreadable["monthly_income"].count == 12
    assert "“a lot” is not a number" in text_of(page)


def rows_of(page):
    return {row.column.header: row for row in page.context["rows"]}


def test_another_currency_than_the_models_is_said_beside_the_column(as_alice):
    content = export(MonthlyIncome=["2100 €", "2200 €"])
    page = as_alice.get(columns_of(bring(as_alice, content)))
    row = rows_of(page)["MonthlyIncome"]
    assert row.sign.startswith("The file says €; the model learned from USD")
    assert row.unreadable is None
    assert row.sign in text_of(page)


@pytest.mark.parametrize("cells", [["2100 $"], ["2100"], ["2100 €", "2200"]])
def test_nothing_is_said_of_a_sign_that_is_the_models_own_or_is_not_taken_off(as_alice, cells):
    page = as_alice.get(columns_of(bring(as_alice, export(MonthlyIncome=cells))))
    assert not rows_of(page)["MonthlyIncome"].sign


def test_a_sign_is_said_of_what_a_person_chose_as_well(as_alice):
    batch = bring(as_alice, export(without=["MonthlyIncome"], Combien=["2100 €", "2200 €"]))
    send(as_alice, batch, "look", Combien="monthly_income")
    page = as_alice.get(columns_of(batch))
    assert "The file says €" in rows_of(page)["Combien"].sign
