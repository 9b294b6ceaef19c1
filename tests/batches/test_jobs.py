"""A file from the wish to its end: begun, worked on by anyone, stopped, failed, taken up again."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from mlcore import registry
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Basis
from mlcore.operating_decisions import decide_operating_point
from predictions.batches import chunks, cutting, endings, files, jobs, ranking, tasks
from predictions.models import (
    Batch,
    BatchChunk,
    BatchRanking,
    BatchState,
    Prediction,
    RefusedRow,
    Source,
)
from tests.batches.conftest import first_rows, work_to_the_end
from tests.batches.workforces import workforce

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 10)


def queued(func=jobs.WORK):
    return [entry.task["args"] for entry in OrmQ.objects.all() if entry.task["func"] == func]


def again(batch):
    batch.refresh_from_db()
    return batch


def move_levels(version, *, by):
    decide_operating_point(
        version=version,
        point=OperatingPoint((0.01, 0.02, 0.03)),
        basis=Basis.COST,
        basis_value=0.5,
        reason="for the test",
        by=by,
    )
    registry.forget()


# ------------------------------------------------------------------ to its end


def test_everyone_in_the_public_file_is_assessed(alice, assessed, ibm_file, active_model):
    batch = assessed(alice, ibm_file)
    assert batch.state == BatchState.DONE
    assert batch.rows == 1470
    assert batch.finished_at
    assert (batch.model_version_id, batch.threshold) == (
        active_model.id,
        active_model.operating_point.threshold,
    )
    recorded = Prediction.objects.filter(batch=batch)
    assert recorded.count() == 1470
    assert not RefusedRow.objects.exists()
    first = recorded.get(row=2)
    assert (first.employee_id, first.source, first.requested_by) == ("1", Source.FILE, alice)
    assert first.groups == {"Department": "Sales"}
    assert first.audit_attributes == {"age": 41, "gender": "Female", "marital_status": "Single"}
    assert first.inputs["job_satisfaction"] == 4
    assert ranking.of(batch).totals.people == 1470


def test_it_is_recorded_under_the_request_that_brought_it(alice, assessed, ibm_file):
    assessed(alice, first_rows(ibm_file, 3), request_id="r-77")
    assert {*Prediction.objects.values_list("request_id", flat=True)} == {"r-77"}


def test_the_dashboard_is_told(alice, assessed, ibm_file):
    assessed(alice, first_rows(ibm_file, 3))
    assert len(queued(endings.REFRESH)) == 1


def test_a_try_records_nothing_and_says_what_would_happen(alice, tried, ibm_file):
    batch = tried(alice, workforce(ibm_file, 30, wrong=[3, 4]))
    assert batch.state == BatchState.CHECKED
    assert batch.rows == 30
    assert not Prediction.objects.exists()
    assert [*batch.refused_rows.values_list("row", flat=True)] == [5, 6]
    assert ranking.of(batch).totals.people == 28
    assert queued(endings.REFRESH) == []


# ------------------------------------------------------------------ begun


def test_one_task_is_queued_and_it_begins_once(alice, bob, bring, ibm_file):
    batch = bring(alice, ibm_file)
    assert jobs.begin(batch, record=True, by=bob)
    assert (batch.state, batch.started_by) == (BatchState.RUNNING, bob)
    assert not jobs.begin(Batch.objects.get(pk=batch.pk), record=True, by=alice)
    assert queued() == [(batch.pk,)]


def test_after_a_try_the_file_is_not_read_again(alice, tried, ibm_file):
    batch = tried(alice, workforce(ibm_file, 30, wrong=[3]))
    chunk = batch.chunks.get()
    assert jobs.begin(batch, record=True, by=alice)
    assert not batch.pieces.exists()
    assert not RefusedRow.objects.exists()
    work_to_the_end(batch)
    assert batch.state == BatchState.DONE
    assert batch.chunks.get().pk == chunk.pk
    assert Prediction.objects.filter(batch=batch).count() == 29
    assert batch.refused_rows.count() == 1
    assert ranking.of(batch).totals.people == 29


def test_after_a_try_with_other_columns_it_is(alice, tried, ibm_file):
    batch = tried(alice, first_rows(ibm_file, 30))
    batch.grouped = []
    batch.matched.pop("gender")
    batch.save()
    assert jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert batch.state == BatchState.DONE
    for prediction in Prediction.objects.filter(batch=batch):
        assert prediction.groups == {}
        assert "gender" not in prediction.audit_attributes
    assert not batch.pieces.exists()


def test_columns_that_were_matched_to_another_model_are_not_worked_on(alice, bring, ibm_file):
    batch = bring(alice, ibm_file)
    batch.matched["shoe_size"] = 3
    batch.save()
    assert not jobs.begin(batch, record=True, by=alice)
    assert again(batch).state == BatchState.DRAFT
    assert queued() == []


def test_the_operating_point_of_its_beginning_judges_all_of_it(
    alice, carol, bring, ibm_file, active_model
):
    batch = bring(alice, first_rows(ibm_file, 50))
    jobs.begin(batch, record=True, by=alice)
    move_levels(batch.model_version, by=carol)
    work_to_the_end(batch)
    assert {*Prediction.objects.values_list("threshold", flat=True)} == {
        active_model.operating_point.threshold
    }


def test_levels_that_a_try_did_not_show_are_not_recorded(alice, carol, tried, ibm_file):
    batch = tried(alice, first_rows(ibm_file, 20))
    assert jobs.replaced(batch, registry.active()) == ""
    move_levels(batch.model_version, by=carol)
    assert jobs.replaced(batch, registry.active()) == "threshold"
    assert not jobs.begin(batch, record=True, by=alice)
    assert again(batch).state == BatchState.CHECKED
    assert jobs.begin(batch, record=False, by=alice)
    work_to_the_end(batch)
    assert jobs.replaced(batch, registry.active()) == ""
    assert jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert {*Prediction.objects.values_list("threshold", flat=True)} == {0.02}


# ------------------------------------------------------------------ shared


def test_a_task_ends_soon_and_another_one_goes_on(
    alice, bring, ibm_file, small_chunks, monkeypatch
):
    monkeypatch.setattr(tasks, "SLICE", 0.0)
    batch = bring(alice, first_rows(ibm_file, 40))
    jobs.begin(batch, record=True, by=alice)
    for _ in range(20):
        OrmQ.objects.all().delete()
        if tasks.work(batch.pk) == "nothing left":
            break
        assert queued() == [(batch.pk,)]
    assert again(batch).state == BatchState.DONE
    assert queued() == []


def test_whoever_works_calls_for_others(alice, bring, ibm_file, small_chunks, monkeypatch):
    batch = bring(alice, first_rows(ibm_file, 40))
    jobs.begin(batch, record=True, by=alice)
    OrmQ.objects.all().delete()
    work_to_the_end(batch)
    assert queued() == [(batch.pk,)]
    assert tasks.work(batch.pk) == "nothing left"


def test_a_task_that_is_being_done_keeps_no_other_one_from_being_queued(alice, bring, ibm_file):
    batch = bring(alice, ibm_file)
    jobs.begin(batch, record=True, by=alice)
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=90))
    jobs.call_for_hands(batch.pk)
    jobs.call_for_hands(batch.pk)
    assert queued() == [(batch.pk,)] * 2


# ------------------------------------------------------------------ stopped


def test_a_file_that_is_stopped_keeps_what_was_recorded_and_nothing_else(
    alice, bring, ibm_file, small_chunks
):
    batch = bring(alice, workforce(ibm_file, 40, wrong=[1]))
    jobs.begin(batch, record=True, by=alice)
    jobs.work(batch.pk, 0.0)  # read
    jobs.work(batch.pk, 0.0)  # one chunk
    assert jobs.cancel(batch)
    assert batch.state == BatchState.CANCELLED
    assert not jobs.cancel(batch)
    work_to_the_end(batch)
    assert batch.state == BatchState.CANCELLED
    recorded = Prediction.objects.filter(batch=batch).count() + batch.refused_rows.count()
    assert recorded == 10
    assert ranking.of(batch).totals.people == Prediction.objects.filter(batch=batch).count()
    assert not batch.chunks.filter(done_at=None).exists()
    assert not batch.pieces.exists()


@pytest.mark.parametrize("steps", [0, 1, 2], ids=["waiting", "read", "one chunk done"])
def test_of_a_file_that_is_stopped_no_cell_is_kept_from_then_on(
    alice, bring, ibm_file, small_chunks, steps
):
    batch = bring(alice, workforce(ibm_file, 40))
    jobs.begin(batch, record=True, by=alice)
    for _ in range(steps):
        jobs.work(batch.pk, 0.0)
    assert jobs.cancel(batch)
    assert not batch.pieces.exists()
    assert {bytes(chunk.content) for chunk in batch.chunks.all()} <= {b""}
    OrmQ.objects.all().delete()
    assert jobs.resume() == 1
    work_to_the_end(batch)
    assert jobs.resume() == 0
    assert batch.state == BatchState.CANCELLED
    # Where nothing was recorded the headers say nothing any more either.
    assert bool(batch.headers) == bool(batch.erased_at is None) == (steps == 2)


def test_stopping_takes_effect_within_one_chunk(alice, bring, ibm_file, small_chunks, monkeypatch):
    batch = bring(alice, first_rows(ibm_file, 60))
    jobs.begin(batch, record=True, by=alice)
    keep = chunks.keep

    def keep_then_stop(*arguments):
        keep(*arguments)
        Batch.objects.filter(pk=batch.pk).update(state=BatchState.CANCELLED)

    monkeypatch.setattr(chunks, "keep", keep_then_stop)
    work_to_the_end(batch)
    assert Prediction.objects.filter(batch=batch).count() == 10


def test_a_try_that_is_stopped_waits_for_its_columns_again(alice, bring, ibm_file, small_chunks):
    batch = bring(alice, workforce(ibm_file, 40, wrong=[1]))
    jobs.begin(batch, record=False, by=alice)
    jobs.work(batch.pk, 0.0)
    jobs.work(batch.pk, 0.0)
    assert jobs.cancel(batch)
    assert (batch.state, batch.rows) == (BatchState.DRAFT, None)
    assert not batch.chunks.exists()
    assert not batch.refused_rows.exists()
    assert jobs.work(batch.pk) is False
    assert jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert Prediction.objects.filter(batch=batch).count() == 39


def test_a_file_is_thrown_away_as_long_as_nothing_was_recorded(alice, bring, assessed, ibm_file):
    content = first_rows(ibm_file, 5)
    batch = bring(alice, content)
    assert jobs.discard(batch)
    assert batch.state == BatchState.DISCARDED
    assert not batch.pieces.exists()
    done = assessed(alice, content)
    assert not jobs.discard(done)
    assert again(done).state == BatchState.DONE


# ------------------------------------------------------------------ failed


SECRET = "Ada-Lovelace"


def break_on(monkeypatch, when, times=99):
    """Judging a chunk raises, as often as `times`, where `when` says so of its number."""
    judge, raised = chunks.judge, []

    def broken(chunk, assignment):
        if when(chunk.number) and len(raised) < times:
            raised.append(chunk.number)
            raise ValueError(f"cannot do with {SECRET}")
        return judge(chunk, assignment)

    monkeypatch.setattr(chunks, "judge", broken)
    return raised


def test_a_chunk_that_fails_is_tried_three_times_then_the_file_is_given_up(
    alice, bring, ibm_file, small_chunks, monkeypatch, caplog
):
    raised = break_on(monkeypatch, lambda number: number == 3)
    batch = bring(alice, first_rows(ibm_file, 60))
    jobs.begin(batch, record=True, by=alice)
    with caplog.at_level(logging.ERROR):
        work_to_the_end(batch)
    assert raised == [3, 3, 3]
    assert batch.state == BatchState.FAILED
    recorded = Prediction.objects.filter(batch=batch).count()
    assert recorded % 10 == 0
    if recorded:
        assert f"{recorded} of its employees were assessed" in batch.message["en"]
        assert f"{recorded} de ses collaborateurs" in batch.message["fr"]
    assert "Bring the file again" in batch.message["en"]
    assert not batch.pieces.exists()
    assert not BatchChunk.objects.filter(batch=batch, done_at=None).exists()
    assert "test_jobs.py" in caplog.text
    assert SECRET not in caplog.text


def test_a_chunk_that_fails_twice_is_done_the_third_time(
    alice, bring, ibm_file, small_chunks, monkeypatch
):
    break_on(monkeypatch, lambda number: number == 3, times=2)
    batch = bring(alice, first_rows(ibm_file, 60))
    jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert batch.state == BatchState.DONE
    assert Prediction.objects.filter(batch=batch).count() == 60


def test_of_a_file_that_fails_at_once_nothing_is_kept(alice, bring, ibm_file, monkeypatch):
    break_on(monkeypatch, lambda number: True)
    batch = bring(alice, workforce(ibm_file, 20, wrong=[1]))
    jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert batch.state == BatchState.FAILED
    assert batch.message == endings.BROKEN
    assert not batch.chunks.exists()
    assert not batch.refused_rows.exists()
    assert (batch.headers, batch.format) == ([], {})
    assert jobs.discard(batch)


def test_a_file_whose_end_cannot_be_read_is_told_so(alice, bring, ibm_file):
    batch = bring(alice, first_rows(ibm_file, 5_000) + b'"an open quotation,1,2\n')
    jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert batch.state == BatchState.FAILED
    assert batch.message["fr"]
    assert not Prediction.objects.exists()
    assert not batch.pieces.exists()


def test_a_file_that_cannot_be_read_for_a_reason_of_ours_is_tried_three_times(
    alice, bring, ibm_file, monkeypatch, caplog
):
    tries = []

    def broken(*arguments):
        tries.append(1)
        raise ValueError(SECRET)

    monkeypatch.setattr(cutting, "_chunks", broken)
    batch = bring(alice, ibm_file)
    jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert len(tries) == 3
    assert (batch.state, batch.message) == (BatchState.FAILED, endings.BROKEN)
    assert SECRET not in caplog.text


def test_a_model_that_was_altered_assesses_nobody(alice, bring, ibm_file, active_model):
    from mlcore.models import ModelFiles

    batch = bring(alice, ibm_file)
    jobs.begin(batch, record=True, by=alice)
    registry.forget()
    ModelFiles.objects.filter(pk=active_model.id).update(content=b"")
    work_to_the_end(batch)
    assert (batch.state, batch.message) == (BatchState.FAILED, endings.NO_MODEL)


def test_what_a_task_raises_says_nothing_of_a_row(alice, bring, ibm_file, monkeypatch, caplog):
    def broken(*arguments):
        raise OperationalError(f'COPY predictions_prediction, line 3: "{SECRET}"')

    batch = bring(alice, ibm_file)
    jobs.begin(batch, record=True, by=alice)
    monkeypatch.setattr(jobs, "work", broken)
    with pytest.raises(tasks.InterruptedWorkError) as raised:
        tasks.work(batch.pk)
    assert SECRET not in str(raised.value)
    assert raised.value.__suppress_context__
    assert SECRET not in caplog.text


def test_a_list_that_cannot_be_made_ends_the_file_and_loses_no_prediction(
    alice, bring, ibm_file, monkeypatch
):
    def broken(batch):
        raise ValueError(SECRET)

    monkeypatch.setattr(ranking, "finish", broken)
    batch = bring(alice, first_rows(ibm_file, 5))
    jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert batch.state == BatchState.FAILED
    assert "5 of its employees were assessed" in batch.message["en"]
    assert Prediction.objects.filter(batch=batch).count() == 5
    assert not BatchRanking.objects.exists()


# ------------------------------------------------------------------ taken up again


def test_of_a_process_that_died_in_the_middle_of_a_chunk_nothing_is_left(
    alice, bring, ibm_file, small_chunks, monkeypatch
):
    """Here it is told to end as the queue tells it: by what no `except Exception` catches."""
    batch = bring(alice, first_rows(ibm_file, 30))
    jobs.begin(batch, record=True, by=alice)
    keep = chunks.keep

    def die(*arguments):
        keep(*arguments)
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(chunks, "keep", die)
        with pytest.raises(SystemExit):
            jobs.work(batch.pk)
    assert not Prediction.objects.exists()
    assert not BatchChunk.objects.exclude(failures=0).exists()
    work_to_the_end(batch)
    assert Prediction.objects.filter(batch=batch).count() == 30


def test_a_file_that_stands_still_is_taken_up_each_minute(alice, bring, ibm_file, small_chunks):
    batch = bring(alice, first_rows(ibm_file, 30))
    jobs.begin(batch, record=True, by=alice)
    OrmQ.objects.all().delete()
    assert jobs.resume() == 0  # it has only just begun
    before = timezone.now() - jobs.SILENCE - timedelta(seconds=1)
    Batch.objects.filter(pk=batch.pk).update(started_at=before)
    assert tasks.resume() == "1 standing still"
    assert queued() == [(batch.pk,)]
    jobs.work(batch.pk, 0.0)
    assert jobs.resume() == 0  # it goes on


def test_a_worker_that_starts_takes_up_everything_at_once(alice, bring, assessed, ibm_file):
    assessed(alice, first_rows(ibm_file, 5))
    batch = bring(alice, ibm_file)
    jobs.begin(batch, record=True, by=alice)
    OrmQ.objects.all().delete()
    tasks.resume_at_once()
    assert queued() == [(batch.pk,)]


def test_what_a_stopped_file_has_left_is_taken_away_later(alice, bring, ibm_file, small_chunks):
    batch = bring(alice, first_rows(ibm_file, 30))
    jobs.begin(batch, record=True, by=alice)
    jobs.work(batch.pk, 0.0)
    jobs.cancel(batch)
    OrmQ.objects.all().delete()
    assert jobs.resume() == 1
    work_to_the_end(batch)
    assert jobs.resume() == 0


def test_a_task_for_a_file_that_is_done_or_gone_does_nothing(alice, assessed, ibm_file):
    batch = assessed(alice, first_rows(ibm_file, 5))
    assert tasks.work(batch.pk) == "nothing left"
    assert tasks.work(batch.pk + 1) == "nothing left"
    assert Prediction.objects.count() == 5


def test_the_schedules_are_there(db):
    planned = dict(Schedule.objects.values_list("func", "schedule_type"))
    assert planned["predictions.batches.tasks.resume"] == Schedule.MINUTES
    assert planned["predictions.batches.tasks.erase_expired"] == Schedule.DAILY
    assert planned[endings.REFRESH] == Schedule.MINUTES


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_moment_is_waited_for(alice, bring, ibm_file, monkeypatch):
    batch = bring(alice, first_rows(ibm_file, 5))
    jobs.begin(batch, record=True, by=alice)
    step, away = jobs._step, iter([True, True, False])

    def sometimes_away(*arguments):
        if next(away, False):
            connection.close()
            raise OperationalError("the server closed the connection")
        return step(*arguments)

    monkeypatch.setattr(jobs, "_step", sometimes_away)
    work_to_the_end(batch)
    assert batch.state == BatchState.DONE
    assert files.same_file_before(batch) is None
