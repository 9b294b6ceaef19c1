"""What the background worker is asked to do for files. Each task is short, and harmless twice."""

from __future__ import annotations

from django.db import Error

from predictions.batches import endings, files, jobs

SLICE = 5.0
"""Seconds of work on one file in one task: whatever else waits in the queue waits no longer."""


class InterruptedWorkError(Exception):
    """The database stayed away, or something is wrong; the task comes back."""


def work(batch_id: int) -> str:
    """Work on a file for a while; where something is left, the next task goes on."""
    try:
        left = jobs.work(batch_id, SLICE)
    except Exception as error:
        # The queue keeps what a task raises, and what is wrong may quote a row.
        endings.log(batch_id, error)
        raise InterruptedWorkError(type(error).__name__) from None
    return "more to do" if left else "nothing left"


def resume() -> str:
    """Each minute: go on with what a killed process or a restart left behind."""
    return f"{jobs.resume()} standing still"


def resume_at_once() -> None:
    """By a worker that has just started: go on with everything."""
    try:
        jobs.resume(at_once=True)
    except Error:
        return  # then each minute


def erase_expired() -> str:
    """Each day: erase the files that were kept for long enough."""
    return f"{files.erase_expired()} erased"
