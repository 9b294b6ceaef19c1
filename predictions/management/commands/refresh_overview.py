from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand

from predictions.overview import keeping

_NICENESS = 10


class Command(BaseCommand):
    """A large workforce takes longer than a task may: its account has a process of its own."""

    help = "Compute what the dashboard shows. The background worker starts this."
    requires_system_checks = ()  # they load every page

    def handle(self, *args: Any, **options: Any) -> None:
        if hasattr(os, "nice"):
            os.nice(_NICENESS)  # files and pages come first
        if not keeping.refresh() and options["verbosity"] > 1:
            self.stdout.write("Nothing is newer, a file is being worked on, or another computes.")
