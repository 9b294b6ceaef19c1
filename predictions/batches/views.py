"""Bring a file, look at its columns, try it, have it assessed, and watch."""

from __future__ import annotations

from typing import Any, NoReturn

from django.http import Http404, HttpRequest


def _not_yet(request: HttpRequest, **kwargs: Any) -> NoReturn:
    raise Http404


batches = bring = batch = columns = progress = start = cancel = discard = _not_yet
