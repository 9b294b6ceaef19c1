"""Sessions of people at a browser: how long they last, and what keeps them alive.

A session ends thirty minutes after the last thing that its person did, and twelve hours after they
signed in, whatever they do. What a page asks by itself (how far is it?) does not count: a screen
that was left open would never be closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.http import HttpRequest
from django.utils import timezone

View = TypeVar("View", bound=Callable[..., Any])

# Seconds: what a person does within them of the last time is not written down.
RENEWED_AFTER = 60

_BEGUN, _SEEN = "begun", "seen"  # seconds since the epoch
_UNATTENDED = "unattended"


class SessionStore(DatabaseSessionStore):
    """Django's, in the database; its row says until when it is good, and nothing else prolongs it.

    Its name is what Django looks for in the module of `SESSION_ENGINE`.
    """

    def load(self) -> dict[str, Any]:
        """What is kept of it; nothing once it has ended.

        One that was seen in the future, by a clock that was ahead, would be good for as long as
        that was: it has ended.
        """
        kept: dict[str, Any] = super().load()
        if kept.get(_SEEN, 0) <= time.time() + settings.CLOCKS_DIFFER.total_seconds():
            return kept
        self.delete(self._session_key)
        self._session_key = None
        return {}

    def begin(self) -> None:
        """Someone has signed in."""
        self[_BEGUN] = self[_SEEN] = int(time.time())

    def attend(self) -> None:
        """The person did something: once a minute, that is written down."""
        if SESSION_KEY not in self:
            return
        now = int(time.time())
        if now - self.get(_SEEN, 0) >= RENEWED_AFTER:
            self[_SEEN] = now
            self.setdefault(_BEGUN, now)

    def get_expiry_age(self, **kwargs: Any) -> int:
        """Seconds from now until the session ends; not above zero when it has."""
        seen = self.get(_SEEN)
        if seen is None:
            return settings.SESSION_COOKIE_AGE
        ends = min(
            seen + settings.SESSION_COOKIE_AGE,
            self.get(_BEGUN, seen) + settings.SESSION_LIFETIME_SECONDS,
        )
        return int(ends - time.time())

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        return timezone.now() + timedelta(seconds=self.get_expiry_age())


def begin_session(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Receives `user_logged_in`, which a program's sign-in sends as well: that has no session."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        session.begin()


def unattended(view: View) -> View:
    """Marks a view that pages ask by themselves: it keeps no session alive."""
    setattr(view, _UNATTENDED, True)
    return view


def by_itself(request: HttpRequest) -> None:
    """Say of this request that its page comes again by itself: it keeps no session alive."""
    setattr(request, _UNATTENDED, True)


def is_unattended(request: HttpRequest) -> bool:
    """Whether a page asked this by itself, and not its person."""
    asked = request.resolver_match.func if request.resolver_match else None
    return getattr(request, _UNATTENDED, False) or getattr(asked, _UNATTENDED, False)
