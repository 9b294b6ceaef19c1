"""What somebody sent that could not be answered, kept on the page that says so.

A browser forgets a page that it may not store, and with it what was typed there.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import get_token

_TOKEN = "csrfmiddlewaretoken"  # noqa: S105 (a field's name)


def once_more(request: HttpRequest) -> dict[str, Any]:
    """For a template: the fields `typed`, by name, or that it was `only_read`.

    Nothing is kept of a form with a password, nor of one with a file, which no page can hold.
    """
    return {"typed": _typed(request), "only_read": request.method == "GET"}


def once_more_with_a_new_token(request: HttpRequest) -> dict[str, Any]:
    """The same for a form whose token has expired, if it was sent by a page of our own.

    What another site makes somebody send must not get a valid token at a click.
    """
    if request.headers.get("Origin") != f"{request.scheme}://{request.get_host()}":
        return {}
    kept = once_more(request)
    filled_in = [(name, value) for name, value in kept["typed"] if name != _TOKEN]
    kept["typed"] = filled_in and [*filled_in, (_TOKEN, get_token(request))]
    return kept


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    if request.method != "POST":
        return []
    try:
        fields, files = request.POST, request.FILES
    except (OSError, SuspiciousOperation, BadRequest, MultiPartParserError):
        return []  # it was never read whole
    if files or any("password" in name for name in fields):
        return []
    return [(name, str(value)) for name, values in fields.lists() for value in values]
