"""One request, or one task of the background worker, and what it asked of the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connection

logger = logging.getLogger("attrition.queries")

# Characters of a statement that are written: as many as the longest of a request has, which names
# every column. What restores a table or makes it has many times that.
_MOST_SQL = 2000


class Span:
    """What is known of a request or a task while it is worked on."""

    __slots__ = ("database_seconds", "queries", "request_id", "task", "user_id")

    def __init__(self, *, request_id: str = "", task: str = "") -> None:
        self.request_id = request_id
        self.task = task
        """The name of the task's function."""
        self.queries = 0
        """Statements that were sent to the database."""
        self.database_seconds = 0.0
        """What they took, until their first row was there."""
        self.user_id: int | None = None
        """Who signed in by it."""


class _Here(threading.local):
    """What this thread works on. A class attribute: a new thread begins with it."""

    span: Span | None = None


_here = _Here()
# A process of the background worker does one task at a time, in several threads.
_of_the_process: Span | None = None


def current() -> Span | None:
    """The span that the caller works on."""
    return _here.span or _of_the_process


def begin(request_id: str) -> Span:
    """Begin a request in this thread. One that was forgotten before it is over."""
    if watch is not None:
        watch.install(connection)  # the thread's own
    span = _here.span = Span(request_id=request_id)
    return span


def end(span: Span) -> None:
    """A request of this thread is over."""
    if _here.span is span:
        _here.span = None


def begin_task(name: str, request_id: str = "") -> Span:
    """Begin a task of this process, whatever thread works on it."""
    global _of_the_process
    span = _of_the_process = Span(task=name, request_id=request_id)
    return span


def end_task() -> None:
    global _of_the_process
    _of_the_process = None


# ------------------------------------------------------------------ the database


class QueryWatch:
    """Counts a connection's statements for the span at work, and writes slow ones down.

    Django calls it around each statement: see "Database instrumentation" in its documentation.
    """

    def __init__(self, slow_ms: int) -> None:
        """`slow_ms`: milliseconds from which a statement is slow; 0 is never."""
        self._slow = slow_ms / 1000 if slow_ms else float("inf")

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: Mapping[str, Any],
    ) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = time.perf_counter() - began
            span = _here.span or _of_the_process
            if span is not None:
                span.queries += 1
                span.database_seconds += took
            if took >= self._slow:
                _say_slow(sql, took, many)

    def install(self, connection: Any) -> None:
        """Watch a connection, innermost: what else is hung around its statements comes and goes."""
        wrappers = connection.execute_wrappers
        if self not in wrappers:
            wrappers.insert(0, self)


watch: QueryWatch | None = None
"""That of this process, once its apps are ready."""


def _say_slow(sql: Any, took: float, many: bool) -> None:
    # With the places of its values, never the values: those may be a person's.
    statement = " ".join(str(sql).split())
    if len(statement) > _MOST_SQL:
        statement = f"{statement[:_MOST_SQL]}…"
    fields: dict[str, Any] = {"duration_ms": round(took * 1000, 1), "sql": statement}
    if many:
        fields["many"] = True
    logger.warning("slow query", extra=fields)
