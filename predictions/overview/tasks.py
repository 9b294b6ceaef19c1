"""What the background worker is asked to do here. Each task is short, and harmless done twice."""

from __future__ import annotations

import subprocess
import sys

from django.conf import settings

from predictions.overview import keeping

# The process that this worker started, as long as it was not waited for: else it would stay in the
# system's table for as long as the worker lives.
_children: list[subprocess.Popen[bytes]] = []


def refresh() -> str:
    """At a file's end and each minute: have the dashboard's account brought up to date.

    Where there is much, a process of its own computes it: a million employees take several minutes
    on a slow machine, and no file waits for that. Whoever stops the worker's process group stops
    it too; else it ends when it has computed.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    if _children or not keeping.due():
        return "nothing new"
    if keeping.is_quick():
        return "computed" if keeping.refresh() else "nothing new"
    child = subprocess.Popen(  # noqa: S603 (our own command)
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "refresh_overview"],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
    )
    _children.append(child)
    return "asked for"
