"""How often someone may ask: the one policy, for pages and programs alike.

A limit holds for a minute from the first request on. Each process counts for itself, in memory:
over several processes the limit that acts lies between the one that is set and that times their
number. This is the price of counting each of a thousand requests a second without a write. What
must hold to the last try, guessing passwords, is counted in the database: see `accounts.lockout`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.addresses import counted_address

WINDOW = 60
"""Seconds for which a limit holds."""

STANDING = "throttle_standing"
"""The attribute of a request in which its `Standing` is kept, for the headers of the answer."""


class Limit(Enum):
    """What is limited. The value is the setting that says how often, per minute; 0: no limit."""

    ADDRESS = "THROTTLE_ADDRESS"
    """Requests of any kind from one address."""
    USER = "THROTTLE_USER"
    """Requests of one person or program that is signed in."""
    EMPLOYEES = "THROTTLE_EMPLOYEES"
    """Employees whom one program brings in batches."""
    SIGN_IN = "THROTTLE_SIGN_IN"
    """Passwords tried from one address, right or wrong: to check one is slow by design."""
    ASSESS = "THROTTLE_ASSESS"
    """Forms sent and trials made by one person."""
    FILES = "THROTTLE_FILES"
    """Files brought and files made for one person; documents made for one address."""

    @property
    def label(self) -> str:
        """Its name in the headers of an answer."""
        return self.value.removeprefix("THROTTLE_").lower().replace("_", "-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How someone stands with one limit."""

    limit: Limit
    quota: int
    """Requests per window."""
    left: int
    """Requests that are left of it."""
    resets: int
    """Seconds, at least 1, after which all of it is there again."""
    refused: bool

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has it, and `Retry-After` when refused."""
        name = self.limit.label
        found = {
            "RateLimit-Policy": f'"{name}";q={self.quota};w={WINDOW}',
            "RateLimit": f'"{name}";r={self.left};t={self.resets}',
        }
        return found | {"Retry-After": str(self.resets)} if self.refused else found


def count(limit: Limit, who: str, *, cost: int = 1) -> Standing | None:
    """Count a request of `who`; how they stand now, or None where there is no limit.

    What is refused for its cost leaves the rest to cheaper requests.
    """
    quota: int = getattr(settings, limit.value)
    if not quota:
        return None
    item, limiter = _item(quota), _limiter()
    fits = cost == 1 or limiter.test(item, limit.value, who, cost=cost)
    refused = not (fits and limiter.hit(item, limit.value, who, cost=cost))
    stats = limiter.get_window_stats(item, limit.value, who)
    resets = min(WINDOW, max(1, math.ceil(stats.reset_time - time.time())))
    return Standing(limit=limit, quota=quota, left=stats.remaining, resets=resets, refused=refused)


def sender(request: HttpRequest) -> str:
    """Whom a request is counted for, by its address alone."""
    return counted_address(request) or "unknown"


def who(request: HttpRequest) -> str:
    """Whom a request is counted for: the person, or the address of who is not signed in."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else sender(request)


def forget() -> None:
    """Begin to count anew: as a new process does."""
    _limiter().storage.reset()


@cache
def _limiter() -> FixedWindowRateLimiter:
    # Made when it is first asked for: the store has a thread, and threads do not survive a fork.
    return FixedWindowRateLimiter(MemoryStorage())


@cache
def _item(quota: int) -> RateLimitItem:
    return RateLimitItemPerMinute(quota)


# ------------------------------------------------------------------ the API


class CallThrottle(BaseThrottle):
    """Every endpoint's: by the person behind the token, and before there is one, by address.

    A view names another limit than `USER` in its attribute `throttle_limit`.
    """

    def __init__(self) -> None:
        self._standing: Standing | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = getattr(view, "throttle_limit", Limit.USER)
        signed_in = request.user is not None and request.user.is_authenticated
        if not signed_in and limit is Limit.USER:
            return True  # counted by address already, as every request is
        key = str(request.user.pk) if signed_in else sender(request._request)
        self._standing = count(limit, key)
        setattr(request._request, STANDING, self._standing)
        return self._standing is None or not self._standing.refused

    def wait(self) -> float | None:
        return self._standing.resets if self._standing else None


def charge(request: Request, limit: Limit, cost: int) -> None:
    """Count what a request turned out to hold. Raises Throttled (429)."""
    standing = count(limit, str(request.user.pk), cost=cost)
    if standing is not None and standing.refused:
        setattr(request._request, STANDING, standing)
        raise Throttled(wait=standing.resets)


def limited(limit: Limit) -> Callable[[Any], Any]:
    """Marks a class of the API whose requests count towards another limit than `USER`."""

    def mark(view: Any) -> Any:
        view.throttle_limit = limit
        return view

    return mark
