"""Lines of logs: JSON for machines, plain for a terminal, and in neither what is personal.

Loggers say what happened, in words of ours; what varies stands in fields (`extra`). What libraries
write about a request or an error may quote an address or a value, so it is put in other words here.
"""

from __future__ import annotations

import logging
import os
import re
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import responses
from types import TracebackType
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from attrition_site.observability import spans

_FIELDS = ["asctime", "levelname", "name", "process", "message"]
_NAMES = {"asctime": "time", "levelname": "level", "name": "logger", "exc_info": "exception"}
_RESERVED = frozenset(RESERVED_ATTRS) | {"asctime", "message", "request_id"}

# What the first line of these says names a constraint, a server or a setting. The lines that
# follow, and what other errors say, may quote a row.
_SPEAKING = (OperationalError, InterfaceError, IntegrityError, ImproperlyConfigured)
# What a caller chose must not begin a line that looks like one of ours.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)}
# How a failed task's end begins: what it raised comes after the dash.
_FAILED_TASK = re.compile(r"(Failed .*?\)) - ", re.DOTALL)
_ErrorInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


def route_of(request: HttpRequest) -> str:
    """The pattern of the request's address (`/predictions/<uuid:pk>/`): of as many kinds as the
    product has addresses, and it names nobody.

    `static` is a file of the pages' own; `unmatched` is what leads nowhere or was answered before
    anyone looked.
    """
    match = request.resolver_match
    if match is not None:
        return f"/{match.route}"
    return "static" if request.path.startswith(settings.STATIC_URL) else "unmatched"


class RecordFilter(logging.Filter):
    """Gives every record the number of the request that caused it, and takes out what libraries
    say of a request's address or a row's values."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = record.__dict__.pop("request", None)
        span = spans.current()
        if span is not None and (known := span.request_id):
            record.request_id = known
        elif isinstance(request, HttpRequest):
            # Django writes of a failed request after the middleware has let it go.
            record.request_id = request.META.get("HTTP_X_REQUEST_ID", "-")
        elif "request_id" not in record.__dict__:
            record.request_id = "-"
        if span is not None and span.task:
            record.__dict__.setdefault("task", span.task)
        if isinstance(request, HttpRequest):
            _reword_request(record, request)
        elif record.name == "gunicorn.error":
            _reword_gunicorn(record)
        elif isinstance(record.msg, BaseException):
            record.msg, record.args = error_line(record.msg), ()
        elif record.name == "django-q":
            found = _FAILED_TASK.match(str(record.msg))
            if found:  # `task failed` says where
                record.msg, record.args = found[1], ()
        return True


def _reword_request(record: logging.LogRecord, request: HttpRequest) -> None:
    """Django names the path, and of a suspicious request what was suspicious."""
    status = getattr(record, "status_code", 0)
    record.msg = responses.get(status, "Request refused")
    if record.name.startswith("django.security."):
        record.msg += f" ({record.name.rpartition('.')[2]})"
    record.args = ()
    record.method, record.route = request.method, route_of(request)


def _reword_gunicorn(record: logging.LogRecord) -> None:
    """gunicorn names the address, and of a request that is none its bytes."""
    if isinstance(record.msg, BaseException):
        record.msg, record.args = error_line(record.msg), ()
        return
    for begin in ("Error handling request", "Invalid request"):
        if str(record.msg).startswith(begin):
            record.msg, record.args = begin, ()


# ------------------------------------------------------------------ errors


def error_line(error: BaseException) -> str:
    """An error's class, and what it says where that cannot quote a row."""
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}." + (kind.__qualname__)
    )
    said = str(error).strip()
    if settings.DEBUG:
        return f"{name}: {said}"
    if isinstance(error, _SPEAKING) and said:
        return f"{name}: {said.splitlines()[0]}"
    return name


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The errors that led to one, first things first."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        seen.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    yield from reversed(seen)


class _SafeErrors(logging.Formatter):
    """Writes of an error where it happened, and what it says only where that is nobody's."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatException(self, ei: _ErrorInfo) -> str:  # noqa: N802 (logging's name)
        if ei[1] is None:
            return ""
        return "\n".join(
            "".join(traceback.format_tb(error.__traceback__)) + error_line(error)
            for error in _chain(ei[1])
        )


class JSONFormatter(_SafeErrors, OrjsonFormatter):
    """One JSON object per line: time (UTC), level, logger, process, message, and the fields."""

    def __init__(self) -> None:
        OrjsonFormatter.__init__(self, _FIELDS, rename_fields=_NAMES)


on_lost: list[Callable[[], None]] = []
"""Called for each line that could not be written."""

# A disk that is full or a pipe that nobody reads; a stream that was closed; one that never was.
_UNWRITABLE = (OSError, ValueError, AttributeError)


def _lose() -> None:
    for listener in on_lost:
        listener()


class JSONHandler(logging.StreamHandler[Any]):
    """Writes to standard error, each record a JSON object. What cannot be written is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        _lose()
        super().handleError(record)


def write(logger: logging.Logger, level: int, message: str, fields: dict[str, Any]) -> None:
    """As `logger.log(level, message, extra=fields)`, for what is written with every request.

    A record that goes through loggers, filters and a formatter which have not run for a while costs
    a request four times what writing the same line at once does.
    """
    if not logger.isEnabledFor(level):
        return
    handlers = logging.root.handlers
    if len(handlers) != 1 or not isinstance(handlers[0], JSONHandler):
        logger.log(level, message, extra=fields)
        return
    line = {
        "time": f"{datetime.now(UTC).isoformat(timespec='milliseconds')[:-6]}Z",
        "level": logging.getLevelName(level),
        "logger": logger.name,
        "process": os.getpid(),
        "message": message,
        **fields,
    }
    content = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    try:
        # One call, so that the lines of several threads and processes stay whole.
        os.write(handlers[0].stream.fileno(), content)
    except _UNWRITABLE:  # what was answered stays answered
        _lose()


class PlainFormatter(_SafeErrors):
    """The same for people: what varies stands behind the message."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name} [{request_id}] {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        fields: dict[str, Any] = {
            name: value for name, value in record.__dict__.items() if name not in _RESERVED
        }
        line = " ".join(
            [super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())]
        )
        return line.translate(_CONTROLS)
