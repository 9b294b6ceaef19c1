"""How much a request may bring: decided by its `Content-Length`, before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _

from attrition_site.requests.doors import SIGN_INS, UPLOADS
from attrition_site.requests.problems import answer
from mlcore.uploads import length_of


class KnownLengthMiddleware:
    """Refuses a body that comes in chunks: Django would read it as an empty one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            return answer(
                request,
                411,
                code="length_required",
                detail=_("Send the body whole, with its Content-Length."),
            )
        return self.get_response(request)


class BodyLimitMiddleware:
    """Refuses a body that is too large for its door, whoever sends it.

    Without it, a form with a file of any size would be written to the disk before anyone asked who
    sends it. Where a file is brought, the view knows the file's own limit, and looks at it first.

    What is not read of a body the web server takes from the connection, so that the answer arrives.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        length = length_of(request)
        if not length:
            return None
        door = request.resolver_match.view_name if request.resolver_match else ""
        if door in UPLOADS:
            return None
        limit = settings.API_MAX_BODY
        if door in SIGN_INS:
            limit = min(limit, settings.SIGN_IN_MAX_BODY)
        if length <= limit:
            return None
        return answer(
            request,
            413,
            code="too_large",
            detail=_("The body has %(length)s bytes; at most %(limit)s are read.")
            % {"length": length, "limit": limit},
            context={"length": length, "limit": limit},
        )

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A body that did not arrive is no fault of ours. Whoever hung up hears nothing; whoever
        was too slow is told so by the web server, in place of this.
        """
        return HttpResponse(status=408) if isinstance(error, UnreadablePostError) else None
