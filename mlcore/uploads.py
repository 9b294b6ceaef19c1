"""Bodies that are too large: decided before anything is read."""

from __future__ import annotations

from django.http import HttpRequest

ENVELOPE = 64 * 1024
"""What surrounds a file in the body of a form, in bytes."""


def length_of(request: HttpRequest) -> int:
    """What the request says that its body has, in bytes; 0 where it says nothing."""
    given = request.META.get("CONTENT_LENGTH") or "0"
    return int(given) if given.isascii() and given.isdigit() else 0


def too_large(request: HttpRequest, most: int) -> int | None:
    """How large the body of a form is whose file may have `most` bytes, where that is more; None
    for others. It is not looked at.
    """
    length = length_of(request)
    if request.method != "POST" or length <= most + ENVELOPE:
        return None
    return length
