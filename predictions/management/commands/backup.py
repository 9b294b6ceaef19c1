from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.backups import keeping
from predictions.backups.archive import BackupError, stopping_in_order


class Command(BaseCommand):
    """One file from which everything comes back: `restore` reads it.

    The web servers and the workers go on meanwhile. It holds personal data: of every employee who
    was ever assessed, and of everyone who signs in.
    """

    help = "Write a backup of the whole database to one file; requests go on being served."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write; it must not be there yet")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        started = time.monotonic()
        try:
            with stopping_in_order():
                manifest = keeping.back_up(file)
        except BackupError as error:
            raise CommandError(str(error)) from error
        rows = manifest.contents.tables
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{file}: {rows['predictions_prediction']} predictions, {sum(rows.values())} rows in"
            f" {len(rows)} tables, {file.stat().st_size / 1e6:.1f} MB, {seconds:.1f} s"
        )
        self.stdout.write("It holds personal data: only its owner can read it. Keep it so.")
