"""What is counted, and by which names. Whoever imports this counts from then on.

Processes that share a folder (see `exposition`) are told apart before this is imported; a process
that shows no metrics never imports it, and counts nothing.
"""

from __future__ import annotations

from collections import Counter as BandCounter
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from attrition_site.observability.spans import Span

# Seconds. A prediction takes three thousandths; a statement of a web process is given up after ten.
_REQUESTS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TASKS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 20, 40, 80)
_CHUNKS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "attrition_http_request_duration_seconds",
    "Requests answered, and the seconds until the last byte was handed over. Routes are patterns of"
    " addresses; `unmatched` is what leads nowhere, `static` the pages' own files.",
    ["method", "route", "status"],
    buckets=_REQUESTS,
)
REQUEST_DATABASE = Counter(
    "attrition_http_database_seconds",
    "Seconds that requests waited for statements of the database.",
    ["route"],
)
REQUEST_QUERIES = Counter(
    "attrition_http_database_queries", "Statements that requests sent to the database.", ["route"]
)
PREDICTIONS = Counter(
    "attrition_predictions",
    "Predictions recorded, by level of risk and the door that they were asked for by.",
    ["door", "band"],
)
SIGN_INS = Counter(
    "attrition_sign_ins",
    "Attempts to sign in, on the page and through the API: success; failure; refused, because the"
    " username is locked from that address.",
    ["outcome"],
)
LOCKOUTS = Counter(
    "attrition_lockouts", "Usernames that were locked from an address after repeated failures."
)
TASKS = Histogram(
    "attrition_task_duration_seconds",
    "Tasks that the background worker has done or failed at, and how long they took.",
    ["task", "outcome"],
    buckets=_TASKS,
)
TASK_DATABASE = Counter(
    "attrition_task_database_seconds",
    "Seconds that tasks waited for statements of the database, in all their threads.",
    ["task"],
)
TASK_QUERIES = Counter(
    "attrition_task_database_queries", "Statements that tasks sent to the database.", ["task"]
)
CHUNKS = Histogram(
    "attrition_file_chunk_duration_seconds",
    "Parts of files that were judged and kept, each in one transaction, and how long that took.",
    ["purpose"],
    buckets=_CHUNKS,
)
ROWS = Counter(
    "attrition_file_rows",
    "Rows of files that were judged: recorded or tried when accepted, else refused.",
    ["outcome"],
)
LOST_LINES = Counter(
    "attrition_log_lines_lost", "Lines of logs that could not be written, to a full disk as a rule."
)
MEMORY = Gauge(
    "attrition_process_resident_memory_bytes",
    "Memory that each process holds, seconds ago at most. `pid` is its place among those that"
    " share this port, which whoever replaces it takes.",
    multiprocess_mode="liveall",
)
POOL = Gauge(
    "attrition_database_pool_connections",
    "Connections to PostgreSQL that each web process keeps: in use, or idle.",
    ["state"],
    multiprocess_mode="liveall",
)
POOL_WAITING = Gauge(
    "attrition_database_pool_waiting_requests",
    "Requests of each web process that wait for a connection.",
    multiprocess_mode="liveall",
)


class _Route:
    """What is counted of the requests of one route, method and class of status."""

    __slots__ = ("database", "duration", "queries")

    def __init__(self, method: str, route: str, status: str) -> None:
        self.duration = REQUESTS.labels(method, route, status)
        self.database = REQUEST_DATABASE.labels(route)
        self.queries = REQUEST_QUERIES.labels(route)


# Looked up for each request: in the library that takes as long as the counting.
_routes: dict[tuple[str, str, int], _Route] = {}


# What is to be counted. Counting within each request costs five times as much as counting many in
# a row: what it needs has left the processor's cache by then.
_pending: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque(maxlen=100_000)


def count_pending() -> None:
    """Count what requests have left to be counted; at any time, in any thread."""
    with suppress(IndexError):  # there is no more
        while True:
            count, arguments = _pending.popleft()
            count(*arguments)


def note_request(method: str, route: str, status: int, seconds: float, span: Span) -> None:
    """Listens to `middleware.listeners`."""
    _pending.append((_count_request, (method, route, status, seconds, span)))


def _count_request(method: str, route: str, status: int, seconds: float, span: Span) -> None:
    key = (method, route, status // 100)
    counted = _routes.get(key)
    if counted is None:
        counted = _routes[key] = _Route(method, route, f"{status // 100}xx")
    counted.duration.observe(seconds)
    if span.queries:
        counted.database.inc(span.database_seconds)
        counted.queries.inc(span.queries)


def note_predictions(door: str, bands: Sequence[str]) -> None:
    """Listens to `predictions.services.listeners`."""
    _pending.append((_count_predictions, (door, bands)))


def _count_predictions(door: str, bands: Sequence[str]) -> None:
    for band, count in BandCounter(bands).items():
        PREDICTIONS.labels(door, band).inc(count)


def note_lost_line() -> None:
    """Listens to `logs.on_lost`."""
    _pending.append((LOST_LINES.inc, ()))


def count_chunk(*, recorded: bool, accepted: int, refused: int, seconds: float, **_: Any) -> None:
    """Receives `predictions.signals.chunk_done`."""
    purpose = "record" if recorded else "try"
    CHUNKS.labels(purpose).observe(seconds)
    ROWS.labels("recorded" if recorded else "tried").inc(accepted)
    ROWS.labels("refused").inc(refused)


def count_sign_in(**_: Any) -> None:
    """Receives `user_logged_in`."""
    SIGN_INS.labels("success").inc()


def count_failed_sign_in(*, request: Any = None, **_: Any) -> None:
    """Receives `user_login_failed`."""
    locked = getattr(request, "axes_locked_out", False)
    SIGN_INS.labels("refused" if locked and not _was_counted(request) else "failure").inc()


def count_task(*, task: str, succeeded: bool, seconds: float, span: Span) -> None:
    """A task that has ended."""
    TASKS.labels(task, "success" if succeeded else "failure").observe(seconds)
    TASK_DATABASE.labels(task).inc(span.database_seconds)
    TASK_QUERIES.labels(task).inc(span.queries)


def count_lockout(*, request: Any = None, **_: Any) -> None:
    """Receives axes' `user_locked_out`, which it also sends when a lock refuses someone."""
    if _was_counted(request):
        LOCKOUTS.inc()


def _was_counted(request: Any) -> bool:
    """Whether axes counted the failure; one at a door that was locked before it does not."""
    return getattr(request, "axes_failures_since_start", None) is not None
