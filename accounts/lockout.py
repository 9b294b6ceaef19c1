"""The one policy against guessing passwords, wherever someone signs in.

django-axes counts the failures of a username from an address (`AXES_*` in the settings); what it
then answers is decided here. The address is the connection's own: a header that anyone can write
is not asked.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username, get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def is_locked_out(request: HttpRequest) -> bool:
    """Whether this request tried to sign in and was refused by the lock, not by the password."""
    return getattr(request, "axes_locked_out", False)


def opens_at(request: HttpRequest, credentials: dict[str, Any] | None) -> datetime:
    """When the username may be tried again from the request's address.

    axes keeps a row of failures per browser, and a row counts until the cool-off has passed since
    its last failure; so the lock opens when enough rows have run out.
    """
    AxesProxyHandler.update_request(request)
    attempts = AccessAttempt.objects.filter(
        username=get_client_username(request, credentials),
        ip_address=request.axes_ip_address,  # type: ignore[attr-defined]
        attempt_time__gte=get_cool_off_threshold(request),
    ).order_by("attempt_time")
    rows = list(attempts.values_list("attempt_time", "failures_since_start"))
    counted = sum(failures for _time, failures in rows)
    for last_failure, failures in rows:
        counted -= failures
        if counted < settings.AXES_FAILURE_LIMIT:
            opening: datetime = last_failure + get_cool_off(request)
            return opening
    return timezone.now()


def seconds_until(opening: datetime) -> int:
    """Whole seconds until a new try makes sense, at least 1: the value of `Retry-After`."""
    return max(1, math.floor((opening - timezone.now()).total_seconds()) + 1)


def locked_response(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """What a locked-out sign-in gets instead of `response`: 429 with Retry-After.

    An endpoint of the API has said so already, in its own words.
    """
    if response is not None and response.status_code == 429:
        return response
    opening = opens_at(request, credentials)
    wait = seconds_until(opening)
    page = render(
        request,
        "accounts/locked.html",
        {"opens_at": opening, "minutes": math.ceil(wait / 60)},
        status=429,
    )
    page["Retry-After"] = str(wait)
    return page
