from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from mlcore import registry


class Command(BaseCommand):
    """Someone asks about a decision of last year: this says which model was at work then."""

    help = "Say which model was active at a moment, or at the end of a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("moment", help="2026-03-31, or 2026-03-31T14:05 (the server's zone)")

    def handle(self, *args: Any, **options: Any) -> None:
        moment = _moment(options["moment"])
        version = registry.active_at(moment)
        self.stdout.write(str(version) if version else "No model was active then.")


def _moment(text: str) -> datetime:
    try:
        if day := parse_date(text):
            moment = datetime.combine(day, time.min) + timedelta(days=1, microseconds=-1)
        elif not (moment := parse_datetime(text)):  # type: ignore[assignment]
            raise ValueError(text)
    except (ValueError, OverflowError) as error:
        raise CommandError(f"{text!r} is no date. Write it as 2026-03-31.") from error
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
