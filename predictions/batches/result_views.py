"""The results of a file: the list to act on, and the rows that were refused."""

from __future__ import annotations

from typing import Any, NoReturn

from django.http import Http404, HttpRequest


def refused(request: HttpRequest, **kwargs: Any) -> NoReturn:
    raise Http404
