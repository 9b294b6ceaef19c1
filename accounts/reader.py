"""Who reads a page, in which language, and what their browser keeps of it."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control

from accounts.models import User

personal = cache_control(private=True, no_store=True)
"""For a page that tells of people: on a shared machine, going back must not show it again."""


def keeps_what_is_typed(response: HttpResponse) -> HttpResponse:
    """For an empty form, which tells of nobody: whoever goes back to it finds what they typed.

    A browser that may store nothing of a page does not keep that either. Signing out ends it.
    """
    response["Cache-Control"] = "private, no-cache"
    return response


def person(request: HttpRequest) -> User:
    """Who is asking: `LoginRequiredMiddleware` and the admin let nobody else in."""
    return cast(User, request.user)


def language() -> str:
    """The language that is read, `en` where none is active."""
    return get_language() or "en"


def remember_language(response: HttpResponse, code: str) -> None:
    """Have the browser ask for `code` from now on, as Django's own switch does."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        code,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # of three texts, one
    )
