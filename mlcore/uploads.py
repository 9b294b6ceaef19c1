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
