from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.backups import keeping
from predictions.backups.archive import BackupError, stopping_in_order


class Command(BaseCommand):
    """The way back from a backup: all of it, counted and confirmed, or nothing.

    Stop the web servers and the workers first. Everyone signs in again afterwards.
    """

    help = "Bring the whole database back from a backup."
    # What they would look for is what is brought back.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` has written")
        parser.add_argument(
            "--replace",
            metavar="DATABASE",
            default="",
            help="lose what is in the database of this name",
        )

    def handle(self, *args: Any, file: Path, replace: str, **options: Any) -> None:
        started = time.monotonic()
        try:
            with stopping_in_order():
                restored = keeping.restore(file, replace=replace, say=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        rows = restored.manifest.contents.tables
        self.stdout.write(
            f"Restored {rows['predictions_prediction']} predictions, {sum(rows.values())} rows in"
            f" {len(rows)} tables, in {time.monotonic() - started:.1f} s. {restored.replayed}"
            " predictions were computed again and came out the same, to the last bit."
        )
