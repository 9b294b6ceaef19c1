"""Once a file is erased, no cell of it is left anywhere, and nobody can bring one back."""

from __future__ import annotations

import re
import threading

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from mlcore.models import RunState, TrainingFile, TrainingRun
from mlcore.trainings import drafts as training_drafts
from mlcore.trainings import files as training_files
from mlcore.trainings import jobs as training_jobs
from mlcore.trainings.files import FileErasedError
from tests.training.conftest import make_draft

# Cells of the history, however they are written.
CELLS = re.compile(r"M1\d\d\d|\bJour\b|\bNuit\b|\bSoir\b|\boui\b|\bnon\b", re.IGNORECASE)

REFUSED = {"en": "“Parti” holds “oui”.", "fr": "«\u00a0Parti\u00a0» contient «\u00a0oui\u00a0»."}


def told(as_carol, run, language="en"):
    address = reverse("models:training", args=[run.pk])
    page = as_carol.get(address, headers={"Accept-Language": language})
    assert page.status_code == 200
    return re.sub(r"\s+", " ", page.content.decode())


def test_of_no_training_a_cell_is_left(draft, carol, active_model):
    runs = {RunState.DRAFT: draft} | {
        state: training_jobs.draft_again(draft, by=carol)
        for state in (RunState.REFUSED, RunState.FAILED, RunState.CANCELLED, RunState.DONE)
    }
    assert CELLS.search(str(draft.plan))
    messages = {RunState.REFUSED: REFUSED, RunState.FAILED: training_jobs.BROKEN}
    for state, run in runs.items():
        TrainingRun.objects.filter(pk=run.pk).update(
            state=state,
            message=messages.get(state, {}),
            model_version=active_model.id if state == RunState.DONE else None,
        )
    training_files.erase(draft.file, by=carol)
    for row in [*TrainingRun.objects.values(), *TrainingFile.objects.values()]:
        assert not CELLS.search(str(row)), row
    states = {run.pk: run.state for run in TrainingRun.objects.all()}
    assert states.pop(draft.pk) == RunState.ERASED
    assert states == {run.pk: state for state, run in runs.items() if run != draft}
    failed = TrainingRun.objects.get(state=RunState.FAILED)
    assert failed.message == training_jobs.BROKEN  # no cell is in it


@pytest.mark.parametrize("state", [RunState.DRAFT, RunState.REFUSED, RunState.DONE])
def test_the_page_says_what_was_erased_and_by_whom(as_carol, carol, draft, active_model, state):
    TrainingRun.objects.filter(pk=draft.pk).update(
        state=state,
        message=REFUSED if state == RunState.REFUSED else {},
        model_version=active_model.id if state == RunState.DONE else None,
    )
    as_carol.post(reverse("models:training-erase", args=[draft.file_id]))
    draft.file.refresh_from_db()
    assert draft.file.erased_by == carol
    page = told(as_carol, draft)
    assert f"by {carol.name or carol.username}" in page
    assert ("before anything was trained" in page) is (state == RunState.DRAFT)
    assert ("Why it was refused was erased" in page) is (state == RunState.REFUSED)
    assert not CELLS.search(page)
    assert as_carol.get(reverse("models:trainings")).status_code == 200


def test_what_the_daily_schedule_erases_nobody_erased(as_carol, draft, settings):
    before = timezone.now() - timezone.timedelta(days=settings.TRAINING_FILE_DAYS, hours=1)
    TrainingFile.objects.update(uploaded_at=before)
    assert training_files.erase_expired() == 1
    draft.file.refresh_from_db()
    assert draft.file.erased_at
    assert draft.file.erased_by is None
    assert "when its time was over" in told(as_carol, draft)


def _saved(run, carol):
    return training_drafts.save(run, training_drafts.read(run))


def _copied(run, carol):
    return training_jobs.draft_again(run, by=carol)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("late", [_saved, _copied])
def test_who_comes_during_the_erasure_waits_and_brings_nothing_back(carol, late):
    run = make_draft(carol)
    ends = []

    def come_late():
        try:
            late(run, carol)
        except FileErasedError as error:
            ends.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=come_late)
    with transaction.atomic():
        training_files.erase(TrainingFile.objects.defer("content").get(pk=run.file_id), by=carol)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(20)
    assert len(ends) == 1
    for row in TrainingRun.objects.values():
        assert not CELLS.search(str(row))
