"""What the registry says no to."""

from __future__ import annotations


class RefusedError(Exception):
    """What was asked cannot be done; the text says why, in the language of who asked."""
