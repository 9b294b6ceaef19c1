"""What the history is searched by, the same on each database."""

from __future__ import annotations

import pytest
from django.db import connection

from predictions.filters import PredictionFilter
from predictions.models import Prediction

REFERENCES = ["E-1", "E-10", "e-1", "E%1", "E_1", "E1", "é-1", "É-1", "😀", "E\\1", "E-" + "9" * 62]


@pytest.mark.parametrize(
    "beginning", ["E-1", "e-1", "E-", "e", "E", "E%", "E_", "%", "_", "É", "é", "😀", "E\\", "Z"]
)
def test_a_reference_is_found_by_its_beginning_as_it_is_written(alice, record, beginning):
    for reference in REFERENCES:
        record(alice, employee_id=reference)
    found = PredictionFilter({"employee_id": beginning}, Prediction.objects.all()).qs
    assert sorted(row.employee_id for row in found) == sorted(
        reference for reference in REFERENCES if reference.startswith(beginning)
    )


def test_the_beginning_of_a_reference_is_found_by_the_index(alice, record):
    record(alice)
    found = PredictionFilter({"employee_id": "E-1"}, Prediction.objects.order_by()).qs
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # for one row, it would read the table
    plan = found.explain()
    assert "prediction_employee" in plan
    assert "employee_id>" in plan.replace(" ", "") or "~>=~" in plan


def test_a_period_that_ends_before_it_begins_is_an_error():
    days = {"created_from": "2026-03-02", "created_to": "2026-03-01"}
    rows = PredictionFilter(days, Prediction.objects.all())
    assert not rows.is_valid()
    assert rows.form.errors == {"created_to": ["The last day must not be before the first."]}


def test_a_period_of_one_day_is_one(db):
    days = {"created_from": "2026-03-02", "created_to": "2026-03-02"}
    assert PredictionFilter(days, Prediction.objects.all()).is_valid()
