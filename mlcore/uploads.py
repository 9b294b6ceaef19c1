"""Files that people bring: how large a body may be is decided before it is read."""

from __future__ import annotations

from django.http import HttpRequest

ENVELOPE = 64 * 1024
"""What surrounds a file in the body of a form, in bytes."""


def read_away(request: HttpRequest, length: int, *, most: int) -> None:
    """Take a refused body from the connection: closed on unread bytes, it would cut the answer."""
    left = min(length, most)
    while left > 0 and (chunk := request.read(min(left, 1 << 20))):
        left -= len(chunk)


def too_large(request: HttpRequest, most: int) -> int | None:
    """How large the body of a form is whose file may have `most` bytes, where that is more; None
    for others. It is not looked at, and taken from the connection.
    """
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if request.method != "POST" or length <= most + ENVELOPE:
        return None
    read_away(request, length, most=8 * most)
    return length
