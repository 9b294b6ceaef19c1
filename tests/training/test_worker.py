"""The background worker itself, as `make run` starts it: it forks, and its database bears that."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import psutil
import pytest
from django.conf import settings
from django_q.models import Failure, Success
from django_q.tasks import async_task

from mlcore.models import RunState
from mlcore.trainings import drafts as training_drafts
from mlcore.trainings import jobs as training_jobs
from tests.training.histories import HEADERS, as_csv, history
from tests.training.test_jobs import database_url

PATIENCE = 120  # seconds; only a failure takes that long
TASKS = 8


@contextlib.contextmanager
def background_worker(tmp_path):
    """It and the file that it writes to; whatever is left of its group is killed at the end."""
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "django", "qcluster"],
            cwd=settings.BASE_DIR,
            env=os.environ
            | {
                "DATABASE_URL": database_url(),
                "DJANGO_SETTINGS_MODULE": "attrition_site.settings",
                "PYTHONUNBUFFERED": "1",
                # Someone who wants more of them at the pages must not break the worker.
                "DATABASE_POOL_SIZE": "4",
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    everything = []
    try:
        yield process, log
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            everything = [*process.children(recursive=True), process]
        for one in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(10)


@pytest.mark.django_db(transaction=True)
def test_every_task_is_done_a_training_too_and_it_ends_when_told(carol, tmp_path):
    few = [row for row in history() if row[-1] == "non"]
    few += [row for row in history() if row[-1] == "oui"][:20]
    run = training_drafts.begin(content=as_csv(few, HEADERS), name="few.csv", by=carol)
    for _ in range(TASKS):
        async_task("mlcore.tasks.erase_expired_training_files")
    training_jobs.start(run, by=carol)
    with background_worker(tmp_path) as (process, log):
        deadline = time.monotonic() + PATIENCE
        while run.state != RunState.REFUSED or Success.objects.count() < TASKS + 1:
            assert process.is_running(), log.read_text()
            assert time.monotonic() < deadline, (
                run.state,
                Success.objects.count(),
                log.read_text(),
            )
            time.sleep(0.2)
            run.refresh_from_db()
        assert not Failure.objects.exists()
        everything = process.children(recursive=True)
        assert len(everything) >= 4  # its guard, its pusher, its monitor, a worker
        process.terminate()
        assert process.wait(10) == 0, log.read_text()
        _, alive = psutil.wait_procs(everything, timeout=5)
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    said = log.read_text()
    for complaint in ("prepared statement", "Traceback", "ERROR", "CRITICAL"):
        assert complaint not in said, said
