"""From the file to chunks, from chunks to predictions: what each row becomes."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from mlcore.engine.ingest import records
from mlcore.engine.schema import EMPLOYEE_ID
from predictions.batches import chunks, cutting, jobs, ranking
from predictions.batches.cutting import Cut, Rows
from predictions.batches.first_rows import of as first_rows_of
from predictions.models import Batch, BatchState, Prediction, RefusedRow
from tests.batches.conftest import first_rows
from tests.batches.workforces import workforce

pytestmark = pytest.mark.django_db

HEADERS = "EmployeeNumber{d}MonthlyIncome{d}OverTime{d}Department{d}Surname"


def table(*rows, delimiter=","):
    return "\n".join([HEADERS.format(d=delimiter), *rows, ""]).encode()


def problems(row):
    return [problem["code"] for problem in RefusedRow.objects.get(row=row).problems]


# ------------------------------------------------------------------ rows


def test_each_row_is_known_by_its_line_in_the_file(alice, assessed):
    assessed(
        alice, table("A1,5000,Yes,Sales,Doe", "", "A2,6000,No,Sales,Roe", ",,,,", "A3,much,No,,")
    )
    assert dict(Prediction.objects.values_list("employee_id", "row")) == {"A1": 2, "A2": 4}
    assert [*RefusedRow.objects.values_list("employee_id", "row")] == [("A3", 6)]


def test_columns_that_no_one_asked_for_are_stored_nowhere(alice, bring):
    batch = bring(alice, table("A1,5000,Yes,Sales,Lovelace", "A2,much,Yes,Sales,Hopper"))
    jobs.begin(batch, record=False, by=alice)
    jobs.work(batch.pk, 0.0)
    rows = Rows.unpack(bytes(batch.chunks.get().content))
    assert rows.columns == [["A1", "A2"], ["5000", "much"], ["Yes", "Yes"], ["Sales", "Sales"]]
    jobs.work(batch.pk)
    assert RefusedRow.objects.get().cells == ["A2", "much", "Yes", "Sales"]


def test_a_refused_row_says_its_line_its_column_its_value_and_why(alice, assessed):
    batch = assessed(alice, table("A1,5000,Yes,Sales,Doe", "A2,much,Perhaps,Sales,Roe"))
    refused = RefusedRow.objects.get()
    assert (refused.row, refused.employee_id) == (3, "A2")
    found = {problem["header"]: problem["given"] for problem in refused.problems}
    assert found == {"MonthlyIncome": "much", "OverTime": "Perhaps"}
    assert batch.state == BatchState.DONE
    assert Prediction.objects.count() == 1


def test_ragged_rows_are_refused_and_the_others_assessed(alice, assessed):
    assessed(
        alice,
        table(
            "A1,5000,Yes,Sales,Doe",
            "A2,5000,Yes",
            "A3,5000,Yes,Sales,Doe,more,and more",
            "A4,5000,Yes,Sales,Doe,,",
            *(f"B{n},5000,Yes,Sales,Doe" for n in range(9)),
        ),
    )
    assert {*Prediction.objects.values_list("employee_id", flat=True)} == {
        "A1",
        "A4",
        *(f"B{n}" for n in range(9)),
    }
    assert (problems(3), problems(4)) == (["ragged"], ["ragged"])
    short = RefusedRow.objects.get(row=3)
    assert short.problems[0]["params"] == {"cells": 3, "width": 5}
    assert short.cells == ["A2", "5000", "Yes", ""]


def test_the_marks_of_an_unfinished_merge_are_refused_and_what_they_enclose(alice, assessed):
    assessed(
        alice,
        table(
            "A1,5000,Yes,Sales,Doe",
            "<<<<<<< HEAD",
            "A2,5000,Yes,Sales,Doe",
            "=======",
            "A2,6000,No,Sales,Doe",
            ">>>>>>> theirs",
            "A3,5000,Yes,Sales,Doe",
        ),
    )
    assert {*Prediction.objects.values_list("employee_id", flat=True)} == {"A1", "A3"}
    assert [problems(row) for row in range(3, 8)] == [
        ["merge_marker"],
        ["merging"],
        ["merge_marker"],
        ["merging"],
        ["merge_marker"],
    ]


def numbered(count, start=0):
    return [f"E{n},5000,Yes,Sales,Doe" for n in range(start, start + count)]


def test_a_ragged_row_alone_in_its_chunk_is_refused_and_the_others_assessed(alice, assessed):
    batch = assessed(alice, table(*numbered(4_000), "A1,4000"))
    assert (batch.state, batch.rows) == (BatchState.DONE, 4_001)
    assert Prediction.objects.count() == 4_000
    assert problems(4_002) == ["ragged"]


def test_of_a_file_of_ragged_rows_alone_each_is_refused(alice, assessed):
    batch = assessed(alice, table("A1,5000", "A2"))
    assert (batch.state, batch.rows) == (BatchState.DONE, 2)
    assert (problems(2), problems(3)) == (["ragged"], ["ragged"])
    assert not Prediction.objects.exists()


def test_a_whole_chunk_between_the_marks_of_a_merge_is_refused(alice, assessed, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 10)
    marked = ["<<<<<<< HEAD", *numbered(25), "=======", *numbered(25), ">>>>>>> theirs"]
    batch = assessed(alice, table(*numbered(5), *marked, *numbered(5, start=5)))
    assert batch.state == BatchState.DONE
    assert Prediction.objects.count() == 10
    assert batch.refused_rows.count() == len(marked)


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_what_no_database_keeps_ends_no_work(alice, assessed, monkeypatch, character):
    """Whatever reads the file lets through."""
    rows = {
        4: ["A1", "5000", "Yes", f"Sa{character}les", "Doe"],
        5: [f"A{character}2", f"mu{character}ch", "Yes", "Sales", "Doe"],
        6: ["A3", f"{character}"],
    }
    monkeypatch.setattr(records, "read", lambda *given: iter(rows.items()))
    batch = assessed(alice, table(*numbered(2)))
    assert batch.state == BatchState.DONE
    assert Prediction.objects.get().groups == {"Department": "Sa\ufffdles"}
    assert RefusedRow.objects.get(row=5).cells == ["A\ufffd2", "mu\ufffdch", "Yes", "Sales"]
    assert RefusedRow.objects.get(row=6).cells == ["A3", "\ufffd", "", ""]


def test_a_row_of_which_nothing_is_known_is_refused(alice, assessed):
    assessed(alice, table("A1,5000,Yes,Sales,Doe", "A2,,,Sales,Roe"))
    assert problems(3) == ["nothing_known"]


# ------------------------------------------------------------------ what the whole file tells


def test_decimals_are_settled_by_rows_of_another_chunk(alice, assessed, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 2)
    rows = [f"A{n};{income};Yes;Sales;Doe" for n, income in enumerate(["5.993", "4.001"] * 3)]
    batch = assessed(alice, table(*rows, "A9;12.500,50;Yes;Sales;Doe", delimiter=";"))
    assert Prediction.objects.get(employee_id="A0").inputs["monthly_income"] == 5993
    assert Cut.of(batch).decimals == {1: ","}


def test_references_that_occur_more_than_once_are_counted(alice, assessed, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 2)
    rows = [f"{name},5000,Yes,Sales,Doe" for name in ("A1", "A2", " A1", "A3", "", "", "A1")]
    assert Cut.of(assessed(alice, table(*rows))).repeated == 2


def test_references_are_the_same_that_are_recorded_as_the_same(alice, assessed):
    batch = assessed(alice, table('"=""E1""",5000,Yes,Sales,Doe', "E1,6000,No,Sales,Doe"))
    assert {*Prediction.objects.values_list("employee_id", flat=True)} == {"E1"}
    assert Cut.of(batch).repeated == 1


# ------------------------------------------------------------------ groups


def test_groups_are_kept_with_each_prediction_and_only_as_long_as_they_need_be(alice, assessed):
    assessed(alice, table(f"A1,5000,Yes, {'Sales ' * 40},Doe", "A2,5000,Yes,,Doe"))
    kept = dict(Prediction.objects.values_list("employee_id", "groups"))
    assert kept == {"A1": {"Department": ("Sales " * 40)[:80]}, "A2": {"Department": ""}}


def test_a_column_of_too_many_values_is_no_group(alice, assessed):
    people = [f"E{n},5000,Yes,Team {n},{n % 200}" for n in range(201)]
    batch = assessed(alice, table(*people), grouped=("Department", "Surname"))
    assert (Cut.of(batch).grouped, Cut.of(batch).too_many) == ([4], [3])
    assert Prediction.objects.get(employee_id="E7").groups == {"Surname": "7"}
    assert {*ranking.of(batch).values} >= {ranking.group_key("Surname")}
    assert ranking.group_key("Department") not in ranking.of(batch).values


def test_values_that_are_kept_as_the_same_count_once(alice, assessed, monkeypatch):
    monkeypatch.setattr(cutting, "MOST_VALUES", 2)
    long = "Sales " * 20
    texts = ["", " ", "Sales", " Sales ", f"{long}1"]
    batch = assessed(alice, table(*(f"E{n},5000,Yes,{text},Doe" for n, text in enumerate(texts))))
    assert Cut.of(batch).too_many == [3]
    batch = assessed(alice, table(*(f"E{n},5000,Yes,{long}{n},Doe" for n in range(5))))
    assert Cut.of(batch).too_many == []


def test_after_a_try_a_file_of_too_many_groups_is_not_read_again(alice, tried, monkeypatch):
    monkeypatch.setattr(cutting, "MOST_VALUES", 2)
    batch = tried(alice, table(*(f"E{n},5000,Yes,Team {n},Doe" for n in range(5))))
    assert Cut.of(batch).too_many == [3]
    assert cutting.fits(batch)
    batch.grouped = []
    assert not cutting.fits(batch)


def test_without_groups_and_references_people_are_assessed_as_well(alice, bring):
    batch = bring(alice, table("A1,5000,Yes,Sales,Doe"), grouped=())
    batch.matched.pop(EMPLOYEE_ID)
    batch.save()
    jobs.begin(batch, record=True, by=alice)
    jobs.work(batch.pk)
    assert [*Prediction.objects.values_list("employee_id", "groups")] == [("", {})]


# ------------------------------------------------------------------ read by more than one


@pytest.fixture
def at_work(alice, bring, ibm_file, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 10)
    batch = bring(alice, first_rows(ibm_file, 45))
    jobs.begin(batch, record=True, by=alice)
    return Batch.objects.get(pk=batch.pk)


def stop_after(monkeypatch, written, then):
    """Whoever reads stops after some chunks, and `then` something else happens."""
    keep = cutting._keep

    def keep_some(batch, number, rows):
        if number == written + 1:
            monkeypatch.setattr(cutting, "_keep", keep)
            then()
        return keep(batch, number, rows)

    monkeypatch.setattr(cutting, "_keep", keep_some)


def rows_of(batch):
    found = batch.chunks.order_by("number")
    return [line for chunk in found for line in Rows.unpack(bytes(chunk.content)).lines]


def test_who_reads_after_one_that_died_goes_on_where_it_stopped(at_work, monkeypatch):
    def die():
        raise SystemExit

    stop_after(monkeypatch, 2, die)
    with pytest.raises(SystemExit):
        cutting.cut(at_work)
    first = [*at_work.chunks.values_list("pk", flat=True)]
    assert len(first) == 2
    assert cutting.cut(at_work)
    assert [*at_work.chunks.order_by("number").values_list("pk", flat=True)][:2] == first
    assert rows_of(at_work) == [*range(2, 47)]
    assert at_work.rows == 45


@pytest.mark.parametrize("size", [1, 4, 17, 45])
def test_who_goes_on_sees_each_row_once_whatever_size_the_first_chunks_have(
    alice, bring, monkeypatch, size
):
    monkeypatch.setattr(cutting, "MOST_VALUES", 40)
    incomes = ["12,5", *["5.993"] * 43]
    rows = [f"E{n % 40};{income};Yes;{n};Doe" for n, income in enumerate(incomes)]
    batch = bring(alice, table(*rows, "A1;5", delimiter=";"))
    assert jobs.begin(batch, record=True, by=alice)
    with monkeypatch.context() as another_release:
        another_release.setattr(cutting, "CHUNK_ROWS", size)
        another_release.setattr(cutting, "_end", lambda *given, **told: False)
        assert not cutting.cut(batch)
    batch.chunks.filter(number__gt=2).delete()
    first = [*batch.chunks.values_list("pk", "rows")]
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 10)
    assert cutting.cut(batch)
    assert [*batch.chunks.values_list("pk", "rows").order_by("number")][: len(first)] == first
    assert rows_of(batch) == [*range(2, 46)]
    assert sum(batch.chunks.values_list("rows", flat=True)) == batch.rows == 45
    # What the first rows say and what the last ones do.
    assert Cut.of(batch).decimals == {1: ","}
    assert (Cut.of(batch).repeated, Cut.of(batch).too_many) == (4, [3])


def test_of_two_who_read_one_goes_on_and_the_other_leaves(at_work, monkeypatch):
    ends = []
    stop_after(monkeypatch, 2, lambda: ends.append(cutting.cut(at_work)))
    assert cutting.cut(at_work) is False
    assert ends == [True]
    assert rows_of(at_work) == [*range(2, 47)]


def test_who_reads_a_file_that_another_has_just_read_ends_nothing(at_work):
    slow, fast = (Batch.objects.get(pk=at_work.pk) for _ in range(2))
    assert cutting.cut(fast)
    jobs._read(slow)
    at_work.refresh_from_db()
    assert at_work.state == BatchState.RUNNING
    assert rows_of(at_work) == [*range(2, 47)]


def test_of_several_who_begin_to_read_one_does(at_work):
    slow, fast = (Batch.objects.get(pk=at_work.pk) for _ in range(2))
    assert jobs._claim_reading(fast)
    assert not jobs._claim_reading(slow)
    late = Batch.objects.get(pk=at_work.pk)
    assert jobs._is_being_read(late)
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        # Whoever began is gone.
        assert not jobs._is_being_read(late)
        assert jobs._claim_reading(late)


def test_who_reads_notices_that_it_was_stopped(at_work, monkeypatch):
    stop_after(monkeypatch, 2, lambda: jobs.cancel(Batch.objects.get(pk=at_work.pk)))
    assert cutting.cut(at_work) is False
    assert at_work.chunks.count() == 2
    jobs.work(at_work.pk)
    assert at_work.chunks.count() == 0


def test_a_chunk_that_another_worker_records_is_left_to_it(at_work, monkeypatch):
    """Where rows cannot be locked, whoever is second finds it done."""
    if connection.features.has_select_for_update_skip_locked:
        pytest.skip("there the second one never takes it")
    cutting.cut(at_work)
    judge, inside = chunks.judge, []

    def judge_while_another_works(chunk, assignment):
        judged = judge(chunk, assignment)
        if not inside:
            inside.append(chunk.number)
            jobs.work(at_work.pk)
        return judged

    monkeypatch.setattr(chunks, "judge", judge_while_another_works)
    jobs.work(at_work.pk)
    assert Prediction.objects.filter(batch=at_work).count() == 45


def test_who_reads_while_another_does_waits_for_it(at_work, monkeypatch):
    monkeypatch.setattr(cutting, "cut", lambda batch: pytest.fail("it is being read"))
    at_work.chunks.create(number=1, rows=10, content=b"")
    assert jobs.work(at_work.pk, 0.0) is True


def test_a_large_file_is_cut_into_chunks_of_equal_size(alice, bring, ibm_file):
    size = cutting.CHUNK_ROWS
    batch = bring(alice, workforce(ibm_file, 2 * size + 700))
    jobs.begin(batch, record=False, by=alice)
    jobs.work(batch.pk, 0.0)
    assert [*batch.chunks.order_by("number").values_list("rows", flat=True)] == [size, size, 700]
    assert cutting.fits(Batch.objects.get(pk=batch.pk))
    assert first_rows_of(batch)
