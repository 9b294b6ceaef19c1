"""HEAD: what GET would have been answered with, but for its body."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase


class HeadMiddleware:
    """Leaves the body out, as Django does not: gunicorn would make all of a file only to drop it,
    and say with every request that it did."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method != "HEAD":
            return response
        # The headers stay, the length among them.
        if response.streaming:
            cast("StreamingHttpResponse", response).streaming_content = ()
        else:
            cast("HttpResponse", response).content = b""
        return response
