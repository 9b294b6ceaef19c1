"""Every refusal of the API, as a problem document (RFC 9457); for the pages, as a page.

Raise an exception anywhere below; the words, the status and the headers are found here.
"""

from __future__ import annotations

import errno
import json
import logging
import math
import sqlite3
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template import loader
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from rest_framework import exceptions

from attrition_site.observability.logs import error_line
from attrition_site.requests import typed
from attrition_site.requests.middleware import current_request_id
from mlcore.engine.schema import SchemaError
from mlcore.registry import ModelUnavailableError
from predictions.refusals import WHOLE, by_field

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:attrition:problem:"
# Seconds after which a caller may try again when the database or the model is gone.
RETRY_AFTER = 5
# PostgreSQL's codes for `statement_timeout` and `lock_timeout`.
_GIVEN_UP = {"57014", "55P03"}
# PostgreSQL's code for a full disk, and the system's own, of a quota as well.
_DISK_FULL = "53100"
# SQLite's, of its database and of the index of its log, which the first connection makes.
_SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_GONE = (OperationalError, InterfaceError)
# The connection broke, or PostgreSQL ended at once: it may have done what it did not confirm.
_BROKE_OFF = {None, "57P02"}

TITLES = {
    400: gettext_lazy("The request cannot be understood"),
    401: gettext_lazy("Sign-in is needed"),
    403: gettext_lazy("Your role does not allow this"),
    404: gettext_lazy("There is nothing at this address"),
    405: gettext_lazy("This address has no such method"),
    406: gettext_lazy("The answer is not available in this format"),
    408: gettext_lazy("The request took too long to arrive"),
    411: gettext_lazy("The length of the body is missing"),
    413: gettext_lazy("The body is too large"),
    415: gettext_lazy("The body is not in a format that is read here"),
    422: gettext_lazy("The values cannot be accepted"),
    429: gettext_lazy("Too many attempts"),
    500: gettext_lazy("Something went wrong on our side"),
    503: gettext_lazy("The service is not available at the moment"),
}


class ProblemResponse(HttpResponse):
    """A problem document as an answer."""

    problem = ""
    """The last part of its `type`, for the log."""


def problem(
    status: int,
    *,
    instance: str,
    code: str,
    detail: str = "",
    errors: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A problem document; `errors` holds lists of `{"code", "message"}` by field."""
    document: dict[str, Any] = {
        "type": TYPE_PREFIX + code.replace("_", "-"),
        "title": str(TITLES.get(status) or HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "instance": instance,
        "request_id": current_request_id(),
    }
    if errors:
        document["errors"] = errors
    # What was sent is quoted in places, and half a surrogate pair has no place in UTF-8.
    body = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    answer = ProblemResponse(body, status=status, content_type=MEDIA_TYPE, headers=headers)
    answer.problem = str(document["type"]).removeprefix(TYPE_PREFIX)
    return answer


# ------------------------------------------------------------------ the API's endpoints


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """What an endpoint answers when `error` ended it; None for a fault of ours, which is a 500."""
    instance = context["request"].path
    if isinstance(error, SchemaError):
        return problem(
            422,
            instance=instance,
            code="invalid_employee",
            detail=_("Correct the fields below; nothing was recorded."),
            errors=by_field(error.problems),
        )
    if outage := _outage(error):
        # Where it was met says nothing: an outage meets every request, and would fill a disk.
        logger.error("Answered 503: %s", error_line(error))
        return _unavailable(instance, outage)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    errors = None
    detail, code = str(error.detail), str(error.default_code)
    if isinstance(error, exceptions.ValidationError):
        errors = _errors_by_field(error.get_full_details())
        detail = _("Correct the fields below.")
    elif isinstance(error.detail, exceptions.ErrorDetail):
        code = error.detail.code or code
    if isinstance(error, exceptions.Throttled) and code == error.default_code:
        detail = too_often(int(headers.get("Retry-After", "1")))
    return problem(
        error.status_code,
        instance=instance,
        code=code,
        detail=detail,
        errors=errors,
        headers=headers,
    )


def too_often(seconds: int) -> str:
    """When to come back, in words."""
    return ngettext(
        "Too many requests within a minute. Try again in %(seconds)s second.",
        "Too many requests within a minute. Try again in %(seconds)s seconds.",
        seconds,
    ) % {"seconds": seconds}


def _errors_by_field(details: Any) -> dict[str, Any]:
    by_field = details if isinstance(details, dict) else {WHOLE: details}
    return {
        field: [{"code": found["code"], "message": str(found["message"])} for found in problems]
        for field, problems in by_field.items()
    }


def _outage(error: BaseException | None) -> str:
    """What is gone, in words, when `error` says that something is; else an empty text."""
    if _given_up(error):
        return _("This took the database too long, and it was given up. Nothing was recorded.")
    if _disk_is_full(error):
        return _(
            "A disk of this installation is full. Nothing was recorded. Ask whoever runs it to make"
            " room, and try again then."
        )
    if _broke_off(error):
        return _(
            "The database went away in the middle of this. Whether it was recorded is not known:"
            " look for it in the history before you ask again."
        )
    if isinstance(error, _GONE):
        return _("The database cannot be reached. Nothing was recorded.")
    if isinstance(error, ModelUnavailableError):
        return _("No model is ready to assess employees. Nothing was recorded.")
    return ""


def _given_up(error: BaseException | None) -> bool:
    """Whether PostgreSQL gave a statement up: it ran, or waited for a lock, for too long."""
    return getattr(error and error.__cause__, "sqlstate", "") in _GIVEN_UP


def _broke_off(error: BaseException | None) -> bool:
    """Whether PostgreSQL was lost between a statement and its answer."""
    sqlstate = getattr(error and error.__cause__, "sqlstate", "")
    return isinstance(error, _GONE) and sqlstate in _BROKE_OFF


def _disk_is_full(error: BaseException | None) -> bool:
    """Whether there is no room left: for the database, or for a file that is made or brought."""
    if isinstance(error, OSError):
        return error.errno in _NO_SPACE
    cause = error and error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", None) in _SQLITE_FULL
    return getattr(cause, "sqlstate", "") == _DISK_FULL


def _unavailable(instance: str, detail: str) -> HttpResponse:
    return problem(
        503,
        instance=instance,
        code="unavailable",
        detail=detail,
        headers={"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"},
    )


# ------------------------------------------------------------------ everything else


def is_api(request: HttpRequest) -> bool:
    """Whether a program is asking, to judge by the address."""
    return request.path.startswith(("/api/", "/predict/")) or request.path.startswith("/health")


def answer(
    request: HttpRequest,
    status: int,
    *,
    code: str,
    detail: str,
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """What refuses `request` before any view has seen it: a problem document, or a page."""
    if is_api(request):
        return problem(status, instance=request.path, code=code, detail=detail, headers=headers)
    page = _page(request, status, context={"detail": detail, **(context or {})})
    for name, value in (headers or {}).items():
        page[name] = value
    return page


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler400`: a request that it suspects."""
    if not is_api(request):
        return _page(request, 400)
    detail = str(exception) if isinstance(exception, BadRequest) else ""
    return problem(400, instance=request.path, code="bad_request", detail=detail)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler403`."""
    if not is_api(request):
        return _page_of_the_site(request, 403)
    return problem(403, instance=request.path, code="permission_denied")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's `handler404`: an address that leads nowhere."""
    if not is_api(request):
        return _page_of_the_site(request, 404)
    detail = _("The API's addresses are listed at /api/v1/docs.")
    return problem(404, instance=request.path, code="not_found", detail=detail)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`: a fault of ours, or 503 when the database or the model is gone."""
    if outage := _outage(sys.exc_info()[1]):
        return _unavailable(request.path, outage) if is_api(request) else _page(request, 503)
    if is_api(request):
        detail = _("The fault has been noted under the request's number.")
        return problem(500, instance=request.path, code="server_error", detail=detail)
    return _page(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's `CSRF_FAILURE_VIEW`: most often a page that was open since before a new sign-in."""
    if is_api(request):  # a probe's address, which nothing is posted to
        return problem(403, instance=request.path, code="permission_denied")
    return _page(request, 403, "403_csrf.html", typed.once_more_with_a_new_token(request))


def _page_of_the_site(request: HttpRequest, status: int) -> HttpResponse:
    """A page with what every page has. Django's own views for it would read the form that was sent,
    which may be one that cannot be read.
    """
    return HttpResponse(loader.render_to_string(f"{status}.html", request=request), status=status)


def _page(
    request: HttpRequest,
    status: int,
    template: str = "",
    context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """A page that needs neither the database nor the session, nor who is asking."""
    # The middleware has let the request go by now; its id is still with it.
    request_id = current_request_id() or request.META.get("HTTP_X_REQUEST_ID", "")
    error = sys.exc_info()[1]
    told = {
        "request_id": request_id,
        "given_up": _given_up(error),
        "broke_off": _broke_off(error),
        "disk_is_full": _disk_is_full(error),
        **(typed.once_more(request) if status >= 500 else {}),
        **(context or {}),
    }
    page = loader.render_to_string(template or f"{status}.html", told)
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return HttpResponse(page, status=status, headers=headers)
