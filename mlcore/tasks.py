"""What the background worker is asked to do here. Each task is short, and harmless done twice."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import Failure

from mlcore.trainings import files as training_files
from mlcore.trainings import jobs as training_jobs

_FAILURES_KEPT = timedelta(days=30)
# The processes that this worker started. Those that ended are waited for, or they would stay in the
# system's table for as long as the worker lives.
_children: list[subprocess.Popen[bytes]] = []


def launch_training(run_id: int) -> None:
    """Start the process that trains, and return: a training outlasts what a task may take.

    The child stays in the worker's process group, so whoever stops the worker's group stops it
    too. Of two children of one training, the second finds it claimed and ends. While another
    training runs none is started: the end of that one calls for the next.
    """
    _wait_for_ended()
    if not training_jobs.launching(run_id):
        return
    child = subprocess.Popen(  # noqa: S603 (our own command)
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_training", str(run_id)],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
    )
    _children.append(child)


def _wait_for_ended() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def resume_trainings() -> None:
    """Each minute: start again what a killed process or a restart left behind, one at a time."""
    _wait_for_ended()
    training_jobs.give_up_on_silent()
    if (run_id := training_jobs.silent().values_list("pk", flat=True).first()) is not None:
        launch_training(run_id)


def erase_expired_training_files() -> str:
    """Each day: erase the files that were kept for long enough."""
    return f"{training_files.erase_expired()} erased"


def forget_failed_jobs() -> str:
    """Each day: delete what failed jobs left a month ago. What was raised may quote a value."""
    before = timezone.now() - _FAILURES_KEPT
    deleted, _by_table = Failure.objects.filter(stopped__lt=before).delete()
    return f"{deleted} deleted"
