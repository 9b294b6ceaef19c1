from __future__ import annotations

from datetime import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mlcore import registry
from mlcore.management.moments import moment


class Command(BaseCommand):
    """Someone asks about a decision of last year: this says which model was at work then."""

    help = "Say which model was active at a moment, or at the end of a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("moment", help="2026-03-31, or 2026-03-31T14:05 (the server's zone)")

    def handle(self, *args: Any, **options: Any) -> None:
        version = registry.active_at(moment(options["moment"], of_a_day=time.max))
        self.stdout.write(str(version) if version else "No model was active then.")
