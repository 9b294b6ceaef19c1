"""What the background worker is asked to do here. Each task is harmless done twice."""

from __future__ import annotations

from django_q.tasks import async_task

from predictions.overview import keeping

_LONGEST = 1800  # seconds; a million employees take one, on a slow machine several minutes


def refresh() -> str:
    """At a file's end and each minute: have the dashboard's account brought up to date.

    Only asks for it: what computes may take longer than other tasks.
    """
    if not keeping.due():
        return "nothing new"
    async_task("predictions.overview.tasks.compute", timeout=_LONGEST)
    return "asked for"


def compute() -> str:
    """Compute the account, unless someone has done so meanwhile."""
    return "computed" if keeping.refresh() else "nothing new"
