from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from predictions.backups import moving
from predictions.backups.archive import BackupError


class Command(BaseCommand):
    """What began on one machine goes on in PostgreSQL: all of it, or nothing.

    `DATABASE_URL` names the new database. The file is only read. Stop what writes to it first: what
    comes later stays behind. Everyone signs in again afterwards.
    """

    help = "Move everything from a SQLite file into the PostgreSQL database, which must be empty."
    # The tables may not be there yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the SQLite file: var/attrition.sqlite3")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            moved = moving.move(file, say=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Moved {sum(moved.tables.values()):,} rows of {len(moved.tables)} tables in"
            f" {moved.seconds:.1f} s; each row was compared. {moved.replayed} predictions were"
            " computed again and came out the same, to the last bit."
        )
