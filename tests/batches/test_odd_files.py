"""Files that are not quite tables: nobody in them is lost, and nobody is made up."""

from __future__ import annotations

import pytest

from mlcore.engine.ingest.refusals import TableError
from predictions.batches import files
from predictions.models import BatchState, Prediction
from tests.batches.conftest import upload

pytestmark = pytest.mark.django_db

HEADER = "EmployeeNumber;OverTime;MonthlyIncome;JobLevel\n"


def people(count, pay="3000", start=0):
    return "".join(f"E{n};Yes;{pay};2\n" for n in range(start, start + count))


def references(batch):
    return set(Prediction.objects.filter(batch=batch).values_list("employee_id", flat=True))


def problems(batch):
    return {
        refused.row: [problem["code"] for problem in refused.problems]
        for refused in batch.refused_rows.all()
    }


def test_what_no_database_keeps_is_refused_when_it_is_brought(alice, active_model):
    content = (HEADER + people(40_000) + "E9\x00;perhaps;3;2\n").encode("utf-16")
    assert len(content) > 2**20
    with pytest.raises(TableError, match="line 40,002"):
        files.bring(upload(content), by=alice)


@pytest.mark.parametrize("euros_first", [True, False])
def test_a_sign_beside_few_numbers_is_read_alike_wherever_they_stand(alice, assessed, euros_first):
    plain, euros = people(4_500), people(100, "4 000 €", start=4_500)
    batch = assessed(alice, (HEADER + (euros + plain if euros_first else plain + euros)).encode())
    assert batch.state == BatchState.DONE
    assert len(references(batch)) == 4_500
    assert batch.refused_rows.count() == 100


def test_the_first_employee_is_one_however_odd_its_cells(alice, assessed):
    content = HEADER + "A-one;confidentiel;quarante;Manager\n" + people(10)
    batch = assessed(alice, content.encode())
    assert (batch.rows, len(references(batch))) == (11, 10)
    assert list(problems(batch)) == [2]


def test_a_row_of_totals_is_refused(alice, assessed):
    batch = assessed(alice, (HEADER + people(5) + "Total;;15000;\n").encode())
    assert references(batch) == {f"E{n}" for n in range(5)}
    assert problems(batch) == {7: ["total_row"]}


def test_a_merge_ends_where_its_mark_says_whatever_its_name(alice, assessed):
    merge = "<<<<<<< HEAD\nE5;Yes;1;2\n=======\nE5;No;1;2\n>>>>>>> pay; rise; and; roles\n"
    batch = assessed(alice, (HEADER + people(5) + merge + people(20, start=10)).encode())
    assert len(references(batch)) == 25
    assert list(problems(batch)) == [7, 8, 9, 10, 11]
