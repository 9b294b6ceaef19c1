"""The background worker's own account: one line per task, and its metrics."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django_q.signals import post_execute_in_worker, post_spawn, pre_execute

from attrition_site.observability import exposition, spans
from attrition_site.observability.spans import Span

logger = logging.getLogger("attrition.tasks")

# Of what a failed task left: where it was, and the class of what was raised.
_FRAME = re.compile(r'^  File "(.+)", line (\d+), in (\S+)$', re.MULTILINE)
_RAISED = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Timeout\w*|Exit|Interrupt))\b", re.M)
_MOST_FRAMES = 5


@dataclass(frozen=True, slots=True)
class _AtWork:
    span: Span
    began: float
    name: str


_at_work: _AtWork | None = None
_metrics: exposition.Exposition | None = None


def begin() -> None:
    """By the process that is about to start the others: they inherit what is set up here."""
    global _metrics
    _metrics = exposition.opened(settings.WORKER_METRICS_PORT)
    post_spawn.connect(_show_metrics)
    pre_execute.connect(_begin_task)
    post_execute_in_worker.connect(_end_task)


def end() -> None:
    """By the same process, once the others have ended."""
    if _metrics is not None:
        _metrics.close()


def _show_metrics(**_: Any) -> None:
    """Receives `post_spawn`, in each process that does tasks."""
    if _metrics is not None:
        _metrics.serve()


def _begin_task(*, task: dict[str, Any], **_: Any) -> None:
    """Receives `pre_execute`."""
    global _at_work
    name = _name(task)
    _at_work = _AtWork(spans.begin_task(name), time.perf_counter(), name)


def _end_task(*, task: dict[str, Any], **_: Any) -> None:
    """Receives `post_execute_in_worker`."""
    global _at_work
    done, _at_work = _at_work, None
    if done is None:
        return
    seconds = time.perf_counter() - done.began
    succeeded = bool(task.get("success"))
    fields: dict[str, Any] = {
        "task": done.name,
        "duration_ms": round(seconds * 1000, 1),
        "queries": done.span.queries,
        "database_ms": round(done.span.database_seconds * 1000, 1),
    }
    args = task.get("args")
    if done.name.startswith("predictions.batches.") and args and isinstance(args[0], int):
        fields["batch"] = args[0]
    if succeeded:
        logger.info("task done", extra=fields)
    else:
        logger.error("task failed", extra=fields | _failure(str(task.get("result"))))
    if _metrics is not None:
        from attrition_site.observability import metrics

        metrics.count_pending()
        metrics.count_task(task=done.name, succeeded=succeeded, seconds=seconds, span=done.span)
    spans.end_task()


def _name(task: dict[str, Any]) -> str:
    """The name of a task's function; what it is called with stays out of every line."""
    function = task["func"]
    if callable(function):
        return f"{function.__module__}.{function.__qualname__}"
    return str(function)


def _failure(result: str) -> dict[str, Any]:
    """Where a task failed, from the text that the queue keeps. What was raised may quote a row."""
    frames = [f"{file}:{line} {name}" for file, line, name in _FRAME.findall(result)]
    raised = _RAISED.findall(result)
    return {"error": raised[-1] if raised else "", "at": frames[-_MOST_FRAMES:]}
