"""A sign of life of the background worker, for whoever restarts what stands still.

The process that guards the others gives it twice a second. It is a file's time of change, in the
system's temporary directory: one machine or one container asks about its own worker, and needs
neither a port nor the database for that, nor room on the disk. The time is that of the machine's
monotonic clock, which nobody can set: by the other, a worker that ended before the clock was put
back would be alive until it has caught up.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

SILENCE = 30.0
"""Seconds without a sign after which a worker is taken for dead. Its guard may wait for a database
that hangs, which is given up after some seconds."""


def file() -> Path:
    """What is touched; installations on one machine have one each."""
    own = hashlib.sha256(str(settings.VAR_DIR.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"attrition-worker-{own}"


def age() -> float | None:
    """Seconds since the last sign; None when there has been none since the machine was started."""
    try:
        seconds = time.monotonic() - file().stat().st_mtime
    except FileNotFoundError:
        return None
    return seconds if seconds >= 0 else None


def give() -> None:
    """Give a sign of life, if the disk allows it."""
    now = time.monotonic()
    with suppress(OSError):
        try:
            os.utime(file(), (now, now))
        except FileNotFoundError:
            file().touch()
            os.utime(file(), (now, now))


def is_alive() -> bool:
    seconds = age()
    return seconds is not None and seconds < SILENCE


def install() -> None:
    """Have the guards that this process starts give signs of life."""
    from django_q import cluster

    if cluster.Sentinel.status.__module__ != __name__:
        cluster.Sentinel.status = _beating(cluster.Sentinel.status)


def _beating(status: Callable[[Any], str]) -> Callable[[Any], str]:
    """A guard asks for its own status whenever it has looked at its processes."""

    def beat_and_tell(guard: Any) -> str:
        give()
        return status(guard)

    return beat_and_tell
