"""One training at a time: the others wait, are told so, and begin when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.urls import reverse
from django_q.models import OrmQ

from mlcore import tasks
from mlcore.models import RunState, TrainingRun
from mlcore.trainings import jobs as training_jobs
from tests.training.conftest import make_draft
from tests.training.test_jobs import silence

DEAD_AT_ONCE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def two(carol):
    """Two trainings that wait."""
    runs = [make_draft(carol, name=f"{name}.csv") for name in ("first", "second")]
    for run in runs:
        training_jobs.start(run, by=carol)
    return runs


@pytest.fixture
def launched(monkeypatch):
    """The trainings that a process would have been started for."""
    started = []

    class Process:
        def __init__(self, command, **options):
            started.append(int(command[-1]))

        def poll(self):
            return 0

    monkeypatch.setattr(tasks.subprocess, "Popen", Process)
    return started


def queue():
    return [
        entry.task()["args"][0] if callable(entry.task) else entry.task["args"][0]
        for entry in OrmQ.objects.order_by("pk")
    ]


def test_the_second_is_not_to_be_had_while_the_first_runs(two):
    first, second = two
    assert training_jobs.claim(first.pk)
    assert training_jobs.claim(second.pk) is None
    second.refresh_from_db()
    assert (second.state, second.attempts) == (RunState.QUEUED, 0)
    training_jobs.cancel(first)
    assert training_jobs.claim(second.pk)


def test_one_that_fell_silent_holds_nobody_up(two):
    first, second = two
    training_jobs.claim(first.pk)
    silence(first)
    assert training_jobs.claim(second.pk)


@pytest.mark.django_db(transaction=True)
def test_of_two_claimed_at_the_same_moment_one_is_had(two):
    def claim(run):
        try:
            return training_jobs.claim(run.pk)
        finally:
            connection.close()

    for _ in range(10):
        TrainingRun.objects.update(state=RunState.QUEUED, claim="", attempts=0)
        with ThreadPoolExecutor(2) as threads:
            assert len([run for run in threads.map(claim, two) if run]) == 1


def test_no_process_is_started_for_it_until_the_first_has_ended(two, launched):
    first, second = two
    training_jobs.claim(first.pk)
    silence(second)
    tasks.launch_training(second.pk)
    tasks.resume_trainings()
    assert launched == []
    training_jobs.cancel(first)
    tasks.resume_trainings()
    assert launched == [second.pk]


@pytest.mark.django_db(transaction=True)
def test_the_end_of_the_first_calls_for_the_second(two):
    first, second = two
    TrainingRun.objects.filter(pk=first.pk).update(plan={})  # it breaks at once
    OrmQ.objects.all().delete()
    assert training_jobs.work(first.pk)
    first.refresh_from_db()
    assert first.state == RunState.FAILED
    assert queue() == [second.pk]


def test_the_page_says_that_it_waits_for_another(as_carol, two):
    first, second = two
    address = reverse("models:training-progress", args=[second.pk])
    assert "background worker" in as_carol.get(address).json()["doing"]
    training_jobs.claim(first.pk)
    silence(second)
    now = as_carol.get(address).json()
    assert "Waiting for another training" in now["doing"]
    assert not now["nobody_works"]


# ------------------------------------------------------------------ launched, and dead


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_before_it_begins_is_not_started_for_ever(carol, monkeypatch):
    run = make_draft(carol)
    training_jobs.start(run, by=carol)
    monkeypatch.setenv("DATABASE_URL", DEAD_AT_ONCE)
    for attempt in range(training_jobs.MOST_ATTEMPTS):
        tasks.resume_trainings() if attempt else tasks.launch_training(run.pk)
        (process,) = tasks._children
        assert process.wait(60) != 0
        run.refresh_from_db()
        assert (run.state, run.attempts) == (RunState.QUEUED, attempt)
        silence(run)
    tasks.resume_trainings()
    assert tasks._children == []
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.message == training_jobs.GIVEN_UP


def test_waiting_for_long_is_no_attempt(two, launched):
    first, second = two
    tasks.launch_training(second.pk)
    training_jobs.claim(first.pk)
    assert training_jobs.claim(second.pk) is None  # its process came for nothing
    for _ in range(5):
        silence(second)
        tasks.resume_trainings()
    second.refresh_from_db()
    assert (second.state, second.attempts) == (RunState.QUEUED, 0)
