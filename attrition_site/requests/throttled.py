"""How often someone may ask, at every door: by address, by person, and by what the door costs.

`accounts.throttling` counts; `doors` says towards which limits. An endpoint of the API is counted
by person in the view, where the token has been read; a page here, before its form is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.throttling import ADDRESS, SIGN_IN, STANDING, USER, Standing, count, sender, who
from attrition_site.requests.doors import SIGN_INS, limits_of
from attrition_site.requests.problems import answer, is_api, too_often


class ThrottleMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        standing = count(ADDRESS, sender(request))
        if standing is not None and standing.refused:
            return _refusal(request, standing)
        response = self.get_response(request)
        known: Standing | None = getattr(request, STANDING, None)
        if known is not None:
            for name, value in known.headers().items():
                response.headers.setdefault(name, value)
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        door = request.resolver_match.view_name if request.resolver_match else ""
        programs = is_api(request)
        limit = None if programs and door in SIGN_INS else limits_of(request, door)
        if limit is not None:
            by = sender(request) if limit is SIGN_IN else who(request)
            standing = count(limit, by)
            if standing is not None and standing.refused:
                return _refusal(request, standing)
        user = getattr(request, "user", None)
        if user is not None and user.is_authenticated:
            standing = count(USER, who(request))
            if standing is not None and standing.refused:
                return _refusal(request, standing)
        return None


def _refusal(request: HttpRequest, standing: Standing) -> HttpResponse:
    return answer(
        request,
        429,
        code="throttled",
        detail=too_often(standing.resets),
        context={"seconds": standing.resets},
        headers=standing.headers(),
    )
