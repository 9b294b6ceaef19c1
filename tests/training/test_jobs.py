"""A training: one process works on it, and whatever becomes of that process, it ends well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psutil
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from mlcore import registry, tasks
from mlcore.engine import artifact
from mlcore.models import ModelVersion, Origin, RunState, TrainingRun
from mlcore.trainings import drafts as training_drafts
from mlcore.trainings import files as training_files
from mlcore.trainings import jobs as training_jobs
from mlcore.trainings.files import FileErasedError
from tests.training.conftest import make_draft
from tests.training.histories import HEADERS, as_csv, history

PATIENCE = 150  # seconds; only a failure takes that long


@pytest.fixture
def queued(draft, carol):
    assert training_jobs.start(draft, by=carol)
    draft.refresh_from_db()
    return draft


def silence(run, **changed):
    """Make the run one whose process fell silent."""
    before = timezone.now() - training_jobs.SILENCE - timedelta(seconds=1)
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=before, **changed)


# ------------------------------------------------------------------ whose it is


def test_a_draft_is_queued_once_with_a_task_that_launches_it(queued, carol):
    assert queued.state == RunState.QUEUED
    assert not training_jobs.start(queued, by=carol)
    (task,) = [entry.task() if callable(entry.task) else entry.task for entry in OrmQ.objects.all()]
    assert task["func"] == "mlcore.tasks.launch_training"
    assert task["args"] == (queued.pk,)


def test_nothing_is_queued_on_an_erased_file(draft, carol):
    training_files.erase(draft.file)
    with pytest.raises(FileErasedError):
        training_jobs.start(draft, by=carol)
    draft.refresh_from_db()
    assert draft.state == RunState.ERASED
    assert not OrmQ.objects.exists()


def test_of_two_claims_one_holds(queued):
    assert training_jobs.claim(queued.pk).claim
    assert training_jobs.claim(queued.pk) is None


@pytest.mark.django_db(transaction=True)
def test_of_many_claims_at_once_one_holds(queued):
    def claim(_):
        try:
            return training_jobs.claim(queued.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        claims = [run for run in threads.map(claim, range(4)) if run]
    assert len(claims) == 1


def test_a_silent_one_is_taken_over_and_the_first_process_can_do_nothing_more(queued):
    first = training_jobs.claim(queued.pk)
    assert training_jobs.claim(queued.pk) is None
    silence(queued)
    second = training_jobs.claim(queued.pk)
    assert second.claim != first.claim
    assert second.attempts == 2
    training_jobs._end(first, RunState.FAILED, training_jobs.BROKEN)
    queued.refresh_from_db()
    assert queued.state == RunState.RUNNING
    with pytest.raises(training_jobs.TrainingStopped):
        training_jobs._register(first, {})
    assert not ModelVersion.objects.exists()


def test_after_three_attempts_it_is_given_up_with_a_sentence(queued):
    for _ in range(3):
        assert training_jobs.claim(queued.pk)
        silence(queued)
    assert training_jobs.claim(queued.pk) is None
    tasks.resume_trainings()
    queued.refresh_from_db()
    assert queued.state == RunState.FAILED
    assert "three times" in queued.message["en"]
    assert "trois fois" in queued.message["fr"]


def test_one_that_goes_on_is_left_alone(queued):
    assert not training_jobs.silent().exists()
    training_jobs.claim(queued.pk)
    assert not training_jobs.silent().exists()
    silence(queued)
    assert list(training_jobs.silent()) == [queued]


@pytest.mark.parametrize("claimed", [False, True])
def test_a_cancelled_one_is_not_to_be_had(queued, claimed):
    if claimed:
        training_jobs.claim(queued.pk)
    assert training_jobs.cancel(queued)
    assert not training_jobs.cancel(queued)
    assert not training_jobs.work(queued.pk)
    silence(queued)
    assert training_jobs.claim(queued.pk) is None
    queued.refresh_from_db()
    assert queued.state == RunState.CANCELLED
    assert queued.finished_at


def test_the_worker_resumes_each_minute_and_erases_each_day(db):
    call_command("migrate", verbosity=0)
    plans = {plan.name: plan for plan in Schedule.objects.all()}
    assert plans["resume interrupted trainings"].schedule_type == Schedule.MINUTES
    assert plans["resume interrupted trainings"].minutes == 1
    assert plans["erase expired training files"].schedule_type == Schedule.DAILY


# ------------------------------------------------------------------ the process


def database_url():
    """The test's own database, for a process of its own."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    server, _, options = os.environ["DATABASE_URL"].partition("?")
    return f"{server.rpartition('/')[0]}/{name}?{options}"


def child(run):
    """The process that `launch_training` starts."""
    return psutil.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_training", str(run.pk)],
        env=os.environ | {"DATABASE_URL": database_url()},
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(run, condition):
    deadline = time.monotonic() + PATIENCE
    run.refresh_from_db()
    while not condition(run):
        assert time.monotonic() < deadline, (run.state, run.step, run.message)
        time.sleep(0.1)
        run.refresh_from_db()


# What is registered, the next test asks of both; how such a process begins and ends, others.
@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
def test_a_model_is_trained_in_a_process_of_its_own_and_registered(carol):
    # Few columns: each more costs twenty trainings.
    places = [HEADERS.index(name) for name in ("Matricule", "Equipe", "Trajet km", "Parti")]
    rows = [[row[place] for place in places] for row in history()]
    content = as_csv(rows, [HEADERS[place] for place in places])
    queued = training_drafts.begin(content=content, name="short.csv", by=carol)
    training_jobs.start(queued, by=carol)
    with child(queued) as process:
        output = process.communicate(timeout=PATIENCE * 2)
    queued.refresh_from_db()
    assert (queued.state, queued.message) == (RunState.DONE, {}), output
    version = queued.model_version
    assert version.origin == Origin.TRAINED
    assert version.registered_by == carol
    assert version.card["rows"] == 300
    assert registry.load(version.pk, version.sha256).schema.by_name
    assert not any(b"M1000" in stream for stream in output)
    assert not training_jobs.work(queued.pk)  # again, it is nobody's to do
    assert ModelVersion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_again_gives_the_same_model_which_is_said_and_not_registered_twice(
    queued, carol, monkeypatch
):
    files = artifact.read(registry.BUNDLED_FOLDER)
    monkeypatch.setattr(training_jobs, "_make", lambda run, heartbeat: files)
    assert training_jobs.work(queued.pk)
    queued.refresh_from_db()
    version = queued.model_version
    assert (queued.state, queued.message) == (RunState.DONE, {})
    assert (version.origin, version.registered_by) == (Origin.TRAINED, carol)
    assert registry.load(version.pk, version.sha256).schema.by_name

    twin = training_jobs.draft_again(queued, by=carol)
    training_jobs.start(twin, by=carol)
    assert training_jobs.work(twin.pk)
    twin.refresh_from_db()
    assert twin.state == RunState.DONE
    assert twin.model_version is None
    assert twin.message["version"] == version.version
    assert ModelVersion.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_stopped_while_it_computes_it_ends_within_seconds_and_registers_nothing(carol):
    run = make_draft(carol, history(4000))
    training_jobs.start(run, by=carol)
    with child(run) as process:
        wait_for(run, lambda r: r.step == "training")
        helpers = process.children(recursive=True)
        # Whoever ends the worker's process group ends them too.
        assert {os.getpgid(one.pid) for one in helpers} <= {os.getpgid(process.pid)}
        training_jobs.cancel(run)
        process.communicate(timeout=20)
    _, alive = psutil.wait_procs(helpers, timeout=20)
    assert not alive
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert run.model_version is None
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_told_to_go_it_gives_the_training_back_and_that_is_no_failure(carol):
    run = make_draft(carol, history(4000))
    training_jobs.start(run, by=carol)
    with child(run) as process:
        wait_for(run, lambda r: r.step == "training")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    run.refresh_from_db()
    assert (run.state, run.attempts, run.claim) == (RunState.QUEUED, 0, "")


@pytest.mark.django_db(transaction=True)
def test_launched_by_the_task_and_refused_with_the_reason(carol, monkeypatch):
    few = [row for row in history(400) if row[-1] == "non"]
    few += [row for row in history(400) if row[-1] == "oui"][:55]
    run = make_draft(carol, few)
    # Some leavers have no answer after all: too few are left.
    table = training_files.table_of(run.file)
    for row in [row for row in table.rows if row[-1] == "oui"][:10]:
        row[-1] = ""
    run.file = training_files.keep(table=table, content=b"", name="few.csv", by=carol)
    run.save()
    training_jobs.start(run, by=carol)
    monkeypatch.setenv("DATABASE_URL", database_url())
    tasks.launch_training(run.pk)
    tasks.launch_training(run.pk)  # a task may run twice
    assert len(tasks._children) == 2
    wait_for(run, lambda r: r.state not in training_files.AT_WORK)
    for process in tasks._children:
        assert process.wait(PATIENCE) == 0
    tasks.resume_trainings()
    assert tasks._children == []
    assert (run.state, run.attempts) == (RunState.REFUSED, 1)
    assert "45 left" in run.message["en"]
    assert "45 départs" in run.message["fr"]
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_breaks_is_said_plainly_and_logged_without_a_word_of_the_file(queued, caplog):
    TrainingRun.objects.filter(pk=queued.pk).update(plan={"name": "Dupont"})
    assert training_jobs.work(queued.pk)
    queued.refresh_from_db()
    assert queued.state == RunState.FAILED
    assert "log" in queued.message["en"]
    assert f"Training {queued.pk} failed: KeyError" in caplog.text
    assert "Dupont" not in caplog.text


def test_the_draft_with_its_corrections_can_be_trained_again(queued, carol, alice):
    training_jobs.cancel(queued)
    copy = training_jobs.draft_again(queued, by=carol)
    assert copy.state == RunState.DRAFT
    assert training_drafts.read(copy) == training_drafts.read(queued)
    assert copy.plan == queued.plan
