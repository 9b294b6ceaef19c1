"""The libraries' middleware for browsers, made lighter, and out of the way of programs."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import AuthenticationMiddleware, LoginRequiredMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from accounts.sessions import SessionStore, is_unattended
from attrition_site.observability.logs import error_line

logger = logging.getLogger(__name__)

# Features of browsers that the pages have no use for: a script that came in could not use them.
_NOTHING = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "microphone",
        "midi",
        "payment",
        "screen-wake-lock",
        "serial",
        "usb",
    )
)


def _for_a_program(request: HttpRequest) -> bool:
    """Whether the address is one of the API's, where cookies mean nothing and tokens all."""
    return request.path.startswith(("/api/", "/predict/", "/health"))


class _PagesOnly(MiddlewareMixin):
    """A middleware for browsers, which a program's request passes by."""

    def __call__(self, request: HttpRequest) -> Any:
        if _for_a_program(request):
            return self.get_response(request)
        return super().__call__(request)


class PageSessionMiddleware(_PagesOnly, SessionMiddleware):
    """Django's sessions, for pages; what a person does keeps theirs alive."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = request.session
        changed = session.modified
        if (
            isinstance(session, SessionStore)
            and session.accessed
            and response.status_code < 500
            and not is_unattended(request)
        ):
            session.attend()
        try:
            return super().process_response(request, response)
        except (DatabaseError, SessionInterrupted) as error:  # Django makes the one of the other
            if changed or response.status_code >= 500:
                raise
            # What the person asked for is done, and may be recorded: no answer may say otherwise
            # because it could not be written down that they were there.
            logger.warning("A session was not renewed: %s", error_line(error))
            return response


class PageUserMiddleware(_PagesOnly, AuthenticationMiddleware):
    """Django's `request.user` by session, for pages."""


class PageMessageMiddleware(_PagesOnly, MessageMiddleware):
    """Django's messages, for pages."""


class SignInMiddleware(LoginRequiredMiddleware):
    """Django's, but a view that needs no session is served without a look at the session.

    The API has its tokens, and health must be told even when the sessions cannot be read.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        """To the sign-in page; whoever still has the cookie of a session is told why, and whether
        what was sent is lost: a form is not kept across sessions, for who signs in may be another.
        """
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            if request.method == "POST" and request.path != reverse("accounts:logout"):
                told = _(
                    "Your session had ended: nothing of what you just sent was recorded."
                    " Sign in again, then enter it once more."
                )
                messages.error(request, told)
            else:
                told = _("Your session has ended. Sign in again, and you go on where you were.")
                messages.info(request, told)
        return super().handle_no_permission(request, view_func)


def _store_nothing(headers: Any) -> None:
    if "no-store" not in headers.get("Cache-Control", ""):
        headers["Cache-Control"] = "private, no-store"


class PrivacyMiddleware(MiddlewareMixin):
    """What browsers and proxies keep of an answer, and what a page may use of the machine: nothing.

    Going back after signing out shows nothing, on a machine that several people use. The empty form
    says otherwise itself (`accounts.reader.keeps_what_is_typed`). Files that are the same for
    everyone are served before it is asked.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        headers = response.headers
        if not headers.get("Cache-Control", "").startswith("private, no-cache"):
            _store_nothing(headers)
        headers.setdefault("Permissions-Policy", _NOTHING)
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """django-csp's, which puts the policy together anew for each answer: here, it does so once.

    An answer with a wish of its own (django-csp's decorators leave it there) or with a nonce goes
    the library's way; so does every answer when the settings ask for more than one policy for all.
    """

    @cached_property
    def _policy(self) -> str:
        return str(build_policy())

    @cached_property
    def _one_for_all(self) -> bool:
        return not (
            getattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY", None)
            or settings.CONTENT_SECURITY_POLICY.get("EXCLUDE_URL_PREFIXES")
        )

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if (
            settings.DEBUG
            or not self._one_for_all
            or "_csp_nonce" in request.__dict__
            or any(name.startswith("_csp") for name in response.__dict__)
        ):
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        response.headers.setdefault(HEADER, self._policy)
        return response
