from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mlcore.trainings import jobs as training_jobs
from mlcore.trainings.jobs import TrainingStopped

NICENESS = 10
# Seconds that a training that must end has to do so by itself, from wherever it computes.
_GRACE = 5.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    """A training takes minutes and both cores: it has a process of its own, started by a task.

    It ends by itself when it is cancelled, when another process has taken its place, and when the
    worker that it was started for is gone.
    """

    help = "Work on a queued training. The background worker starts this."
    requires_system_checks = ()  # they load every page

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int, help="the number of the training")

    def handle(self, *args: Any, **options: Any) -> None:
        if hasattr(os, "nice"):
            os.nice(NICENESS)  # pages stay quick while it computes
        for number in _STOP_SIGNALS:
            signal.signal(number, _stop)
        worked = training_jobs.work(options["run"], interrupt=_interrupt, deserted=Desertion())
        if not worked and options["verbosity"] > 1:
            self.stdout.write("This training does not wait, or another process works on it.")


def _stop(number: int, frame: FrameType | None) -> None:
    for each in _STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    _end_at_last()
    raise TrainingStopped


def _interrupt() -> None:
    """Called in the heartbeat's thread: Python runs the signal's handler in the main one."""
    os.kill(os.getpid(), signal.SIGTERM)


def _end_at_last() -> None:
    """End the process after a grace, however deep in a computation its main thread is."""
    timer = threading.Timer(_GRACE, os._exit, args=(1,))
    timer.daemon = True
    timer.start()


class Desertion:
    """Whether the leader of our process group, the background worker, is gone."""

    def __init__(self) -> None:
        leader = os.getpgrp() if hasattr(os, "getpgrp") else os.getpid()
        # Started by hand from a shell that has gone before, there is nobody to miss.
        self._leader = leader if leader != os.getpid() and _is_there(leader) else None

    def __call__(self) -> bool:
        return self._leader is not None and not _is_there(self._leader)


def _is_there(pid: int) -> bool:
    with contextlib.suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
