"""Text of requests: in which charsets it is read."""

from __future__ import annotations

import codecs
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.utils.http import parse_header_parameters

# What a browser may send a form in, as Python names it.
_CHARSETS = {"utf-8", "utf-8-sig", "ascii", "iso8859-1", "iso8859-15", "cp1252"}


class TextRequest(WSGIRequest):
    """Django's request, by which a charset that no browser sends counts as none.

    Django takes every codec of Python's for one, also those that read no text, and fails as it
    makes the request: before anything could answer.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        media_type, parameters = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        if not _is_read(parameters.get("charset", "utf-8")):
            meta = {**meta, "CONTENT_TYPE": media_type}
        super()._set_content_type_params(meta)  # type: ignore[misc]  # the stubs leave it out


def _is_read(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in _CHARSETS
    except (LookupError, ValueError):
        return False
