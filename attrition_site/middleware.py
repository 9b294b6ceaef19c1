"""What every request carries: an id that its record, its answer and its log lines share."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_request_id: ContextVar[str] = ContextVar("request_id", default="")
# A caller's own id is kept if it is short and harmless; it is stored and logged.
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def current_request_id() -> str:
    """The id of the request being served, or an empty text outside of one."""
    return _request_id.get()


class RequestIdMiddleware:
    """Takes `X-Request-ID` from the caller or makes one, and answers with it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _ACCEPTABLE.match(given) else uuid.uuid4().hex
        # Whoever stores the id reads it from here, through `request.headers`.
        request.META["HTTP_X_REQUEST_ID"] = request_id
        token = _request_id.set(request_id)
        try:
            response = self.get_response(request)
        finally:
            _request_id.reset(token)
        response["X-Request-ID"] = request_id
        return response


class RequestIdFilter(logging.Filter):
    """Gives every log record the id of the request that caused it."""

    def filter(self, record: logging.LogRecord) -> bool:
        # Django logs a refused request after the middleware has let it go.
        request = getattr(record, "request", None)
        carried = isinstance(request, HttpRequest) and request.META.get("HTTP_X_REQUEST_ID")
        record.request_id = current_request_id() or carried or "-"
        return True
