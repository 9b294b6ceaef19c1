"""Dates as operators write them."""

from __future__ import annotations

from datetime import datetime, time

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime


def moment(text: str, *, of_a_day: time) -> datetime:
    """`2026-03-31` at `of_a_day`, or `2026-03-31T14:05`; in the server's zone unless it says one.

    Raises `CommandError`.
    """
    try:
        day = parse_date(text)
        found = datetime.combine(day, of_a_day) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text!r} is no date. Write it as 2026-03-31.")
    return timezone.make_aware(found) if timezone.is_naive(found) else found
