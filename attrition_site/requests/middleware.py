"""What every request carries: a number that its record, its answer and its log lines share; and
what is written and counted once it is answered."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from attrition_site.observability import spans
from attrition_site.observability.logs import route_of, write
from attrition_site.observability.spans import Span

logger = logging.getLogger("attrition.requests")

# A caller's own id is kept if it is short and harmless; it is stored and logged.
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Answered = Callable[[str, str, int, float, Span], None]
listeners: list[Answered] = []
"""Called with each answered request's method, route and status, its seconds and its span."""


def current_request_id() -> str:
    """The id of the request being served, or an empty text outside of one."""
    span = spans.current()
    return span.request_id if span is not None else ""


class ObservedRequestMiddleware:
    """Takes `X-Request-ID` from the caller or makes one, and answers with it; writes one line when
    the request has been answered to its last byte."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _ACCEPTABLE.match(given) else uuid.uuid4().hex
        # Whoever stores the id reads it from here, through `request.headers`.
        request.META["HTTP_X_REQUEST_ID"] = request_id
        span = spans.begin(request_id)
        try:
            response = self.get_response(request)
        except BaseException:
            spans.end(span)
            raise
        response["X-Request-ID"] = request_id
        if response.streaming:
            # Its queries come as it is sent: what Django closes with it is called at its end.
            closers = response._resource_closers  # type: ignore[attr-defined]
            closers.append(partial(_answered, request, response, span, began))
        else:
            _answered(request, response, span, began)
        return response


def _answered(request: HttpRequest, response: HttpResponseBase, span: Span, began: float) -> None:
    seconds = time.perf_counter() - began
    route, status = route_of(request), response.status_code
    method = request.method if request.method in _METHODS else "other"
    for listener in listeners:
        try:
            listener(method, route, status, seconds, span)
        except Exception:  # what was answered stays answered
            logger.exception("A request could not be counted.")
    level = logging.DEBUG if status < 400 and _is_noise(route) else logging.INFO
    if logger.isEnabledFor(level):
        fields: dict[str, Any] = {
            "request_id": span.request_id,
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "queries": span.queries,
            "database_ms": round(span.database_seconds * 1000, 2),
            "user_id": span.user_id or _user_id(request),
            "door": _door(route),
        }
        if problem := getattr(response, "problem", ""):
            fields["problem"] = problem
        write(logger, level, "request", fields)
    spans.end(span)


def _user_id(request: HttpRequest) -> int | None:
    """Who asked, as far as anyone looked: nobody is looked up for a line of a log."""
    known = request.__dict__
    user = known.get("user")
    if isinstance(user, SimpleLazyObject):
        user = known.get("_cached_user")  # where Django puts whom it has loaded
    return getattr(user, "pk", None)


def _door(route: str) -> str:
    if route.startswith(("/api/", "/predict/", "/health")):
        return "api"
    return "admin" if route.startswith("/admin/") else "page"


def _is_noise(route: str) -> bool:
    """What pages load with them, and what a probe asks every few seconds."""
    return route == "static" or "health" in route
