"""Django-Q2's guard of a background worker, made to outlive a `kill -9` of any of its processes.

A process that waits for the next task or result holds the lock of that queue while it waits. Killed
then, it takes the lock along: the process that the guard starts in its place would wait for ever,
and the guard would not notice. Killed at work, it holds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_q import cluster

_IDLE = -1
"""What the timer of a process says that waits for a task."""

Reincarnate = Callable[[Any, Any], None]


def install() -> None:
    """Have every guard of this process, and of those it forks, free the locks of the dead."""
    if cluster.Sentinel.reincarnate.__module__ != __name__:
        cluster.Sentinel.reincarnate = _freeing(cluster.Sentinel.reincarnate)


def _freeing(reincarnate: Reincarnate) -> Reincarnate:
    def free_and_reincarnate(guard: Any, process: Any) -> None:
        if process is guard.monitor:
            _free(guard.result_queue)
        elif process is not guard.pusher and process.timer.value == _IDLE:
            # Of several that wait, one holds the lock, and nobody can tell which: all go.
            waiting = [p for p in guard.pool if p is not process and p.timer.value == _IDLE]
            for other in waiting:
                other.kill()
            for other in waiting:
                other.join()
            _free(guard.task_queue)
            for other in waiting:
                reincarnate(guard, other)
        reincarnate(guard, process)

    return free_and_reincarnate


def _free(queue: Any) -> None:
    """Free the lock of a queue that no living process reads."""
    lock = queue._rlock
    lock.acquire(block=False)  # held by the dead, or by us now: it is released either way
    lock.release()
