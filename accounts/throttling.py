"""How often someone may ask: the one policy, for pages and programs alike.

A limit holds for a minute from the first request on. Each process counts for itself, in memory:
over several processes the limit that acts lies between the one that is set and that times their
number. This is the price of counting each of a thousand requests a second without a write. What
must hold to the last try, guessing passwords, is counted in the database: see `accounts.lockout`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.addresses import counted_address

WINDOW = 60
"""Seconds for which a limit holds."""

STANDING = "throttle_standing"
"""The attribute of a request in which its `Standing` is kept, for the headers of the answer."""


@dataclass(frozen=True, eq=False, slots=True)
class Limit:
    """What is limited. Each is made once, where what it limits is known, and counted by itself."""

    setting: str
    """`THROTTLE_…`: the setting that says how often, per minute; 0: no limit."""

    @property
    def label(self) -> str:
        """Its name in the headers of an answer."""
        return self.setting.removeprefix("THROTTLE_").lower().replace("_", "-")


ADDRESS = Limit("THROTTLE_ADDRESS")
"""Requests of any kind from one address."""

USER = Limit("THROTTLE_USER")
"""Requests of one person or program that is signed in."""

SIGN_IN = Limit("THROTTLE_SIGN_IN")
"""Passwords tried from one address, right or wrong: to check one is slow by design."""


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


def _runs(ends: float, now: float) -> bool:
    """Whether the window that ends then has begun and goes on.

    A clock that was put back does not make anyone wait for longer than a window.
    """
    return now < ends <= now + WINDOW


class Windows:
    """How much everyone has used of each limit in their present window. One process's, in memory.

    A library that does the same starts a thread every ten milliseconds to sweep: measured, it took
    77 µs of processor time for each request, this 8.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[tuple[Limit, str], tuple[int, float]] = {}
        self._swept = 0.0

    def take(self, limit: Limit, who: str, cost: int, quota: int) -> tuple[bool, int, float]:
        """Whether `cost` fitted into what was left of `quota` and was taken of it; what is left
        now, and in how many seconds all of it is there again."""
        now = time.time()
        with self._lock:
            if not 0 <= now - self._swept <= WINDOW:
                self._sweep(now)
            used, ends = self._used.get((limit, who), (0, 0.0))
            if not _runs(ends, now):
                used, ends = 0, now + WINDOW
            fits = used + cost <= quota
            if fits:
                used += cost
            self._used[limit, who] = used, ends
        return fits, max(0, quota - used), ends - now

    def clear(self) -> None:
        with self._lock:
            self._used.clear()

    def _sweep(self, now: float) -> None:
        """Forget who has not asked for a window: who varies their address fills no memory."""
        self._used = {key: kept for key, kept in self._used.items() if _runs(kept[1], now)}
        self._swept = now


_windows = Windows()


def count(limit: Limit, who: str, *, cost: int = 1) -> Standing | None:
    """Count a request of `who`; how they stand now, or None where there is no limit.

    What is refused costs nothing: a batch that is too large for the rest leaves it to a smaller.
    """
    quota: int = getattr(settings, limit.setting)
    if not quota:
        return None
    fits, left, seconds = _windows.take(limit, who, cost, quota)
    return Standing(
        limit=limit, quota=quota, left=left, resets=max(1, math.ceil(seconds)), refused=not fits
    )


def sender(request: HttpRequest) -> str:
    """Whom a request is counted for, by its address alone."""
    return counted_address(request) or "unknown"


def who(request: HttpRequest) -> str:
    """Whom a request is counted for: the person, or the address of who is not signed in."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else sender(request)


def forget() -> None:
    """Begin to count anew: as a new process does."""
    _windows.clear()


# ------------------------------------------------------------------ the API


class CallThrottle(BaseThrottle):
    """Every endpoint's: by the person behind the token, and before there is one, by address.

    A view names another limit than `USER` in its attribute `throttle_limit`.
    """

    def __init__(self) -> None:
        self._standing: Standing | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = getattr(view, "throttle_limit", USER)
        signed_in = request.user is not None and request.user.is_authenticated
        if not signed_in and limit is USER:
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
