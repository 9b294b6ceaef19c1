"""The one policy against guessing passwords, wherever someone signs in.

django-axes counts the failures of a username from an address in the database, for all processes on
all machines together (`AXES_*` in the settings); what it then answers is decided here. Whoever
tries one password on many usernames is stopped as well: the failures of an address are added up
(`LOCKOUT_ADDRESS_FAILURES`). The address is `accounts.addresses`' answer.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username, get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone


def is_locked_out(request: HttpRequest) -> bool:
    """Whether this request tried to sign in and was refused by the lock, not by the password."""
    return getattr(request, "axes_locked_out", False)


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """axes', which also locks an address that has failed too often, whatever the usernames."""

    def get_user_attempts(
        self, request: HttpRequest, credentials: dict[str, Any] | None = None
    ) -> list[QuerySet[Any]]:
        return [_until_now(found) for found in super().get_user_attempts(request, credentials)]

    def clean_expired_user_attempts(
        self, request: HttpRequest | None = None, credentials: dict[str, Any] | None = None
    ) -> int:
        counting = (get_cool_off_threshold(request), _latest())
        deleted, _by_table = AccessAttempt.objects.exclude(attempt_time__range=counting).delete()
        return int(deleted)

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """The failures that count against this try; as many as lock it when its address has."""
        of_username = int(super().get_failures(request, credentials))
        if of_username >= settings.AXES_FAILURE_LIMIT:
            return of_username
        of_address = _recent(request).aggregate(total=Sum("failures_since_start"))["total"] or 0
        locked = of_address >= settings.LOCKOUT_ADDRESS_FAILURES
        return settings.AXES_FAILURE_LIMIT if locked else of_username


def opens_at(request: HttpRequest, credentials: dict[str, Any] | None) -> datetime:
    """When the username may be tried again from the request's address."""
    AxesProxyHandler.update_request(request)
    recent = _recent(request)
    of_username = recent.filter(username=get_client_username(request, credentials))
    cool_off = get_cool_off(request)
    return max(
        _falls_below(settings.AXES_FAILURE_LIMIT, of_username, cool_off),
        _falls_below(settings.LOCKOUT_ADDRESS_FAILURES, recent, cool_off),
    )


def _recent(request: HttpRequest) -> QuerySet[Any]:
    """The failures from the request's address that count."""
    attempts: QuerySet[Any] = AccessAttempt.objects.filter(
        ip_address=request.axes_ip_address,  # type: ignore[attr-defined]
        attempt_time__gte=get_cool_off_threshold(request),
    )
    return _until_now(attempts).order_by()


def _until_now(attempts: QuerySet[Any]) -> QuerySet[Any]:
    """Without those of a clock that was ahead, which would lock for as long as it was."""
    return attempts.filter(attempt_time__lte=_latest())


def _latest() -> datetime:
    return timezone.now() + settings.CLOCKS_DIFFER


def _falls_below(limit: int, attempts: QuerySet[Any], cool_off: timedelta) -> datetime:
    """When fewer failures than `limit` are left of these attempts.

    axes keeps a row of failures per browser, and a row counts until the cool-off has passed since
    its last failure; so the lock opens when enough rows have run out.
    """
    rows = list(
        attempts.order_by("attempt_time").values_list("attempt_time", "failures_since_start")
    )
    counted = sum(failures for _time, failures in rows)
    opening = timezone.now()
    for last_failure, failures in rows:
        if counted < limit:
            break
        counted -= failures
        opening = last_failure + cool_off
    return opening


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


def unnamed_client(*_: object) -> str:
    """Who tried to sign in, as axes' lines of logs say it: nobody can be told from one.

    Its records in the audit pages say more.
    """
    return "someone"


def keep_no_form(*, instance: AccessAttempt, **_: object) -> None:
    """Receives `pre_save`: of a failed sign-in the username and the address count, and stay.

    axes would keep what the address and the form held besides: where the page was to lead on to,
    which may name an employee, and whatever a form was made to hold.
    """
    instance.get_data = instance.post_data = ""


def forget_failures() -> str:
    """Each day: delete the failures that no longer count. Someone may have typed their password for
    their username."""
    before = timezone.now() - settings.AXES_COOLOFF_TIME
    deleted, _by_table = AccessAttempt.objects.filter(attempt_time__lt=before).delete()
    return f"{deleted} deleted"
