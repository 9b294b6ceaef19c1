"""Bodies that are too large: decided before anything is read, and taken from the connection."""

from __future__ import annotations

from django.http import HttpRequest

ENVELOPE = 64 * 1024
"""What surrounds a file in the body of a form, in bytes."""


def length_of(request: HttpRequest) -> int:
    """What the request says that its body has, in bytes; 0 where it says nothing."""
    given = request.META.get("CONTENT_LENGTH") or "0"
    return int(given) if given.isascii() and given.isdigit() else 0


def read_away(request: HttpRequest, *, most: int) -> None:
    """Take a refused body from the connection, at most so many bytes, and look at none of it.

    A server that closes on unread bytes cuts off its own answer.
    """
    left = min(length_of(request), most)
    while left > 0 and (chunk := request.read(min(left, 64 * 1024))):
        left -= len(chunk)


def too_large(request: HttpRequest, most: int) -> int | None:
    """How large the body of a form is whose file may have `most` bytes, where that is more; None
    for others. It is not looked at, and taken from the connection.
    """
    length = length_of(request)
    if request.method != "POST" or length <= most + ENVELOPE:
        return None
    read_away(request, most=8 * most)
    return length
