"""A backup of the database, and the way back from one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from mlcore import registry
from predictions.backups import postgresql, sqlite, state
from predictions.backups.archive import (
    Backup,
    BackupError,
    Contents,
    Manifest,
    reading,
    refuse_taken,
    writing,
)

Say = Callable[[str], object]
"""Takes a line for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came back."""

    manifest: Manifest
    replayed: int
    """Predictions that were computed again, and came out the same."""


def back_up(file: Path) -> Manifest:
    """Write all that the database holds at this moment; requests go on being served.

    Raises `BackupError`; then nothing is at `file`.
    """
    connection = connections["default"]
    refuse_taken(file)
    if connection.vendor == "postgresql":
        major, server = postgresql.server_version(connection)
        program, version = postgresql.recent_tool("pg_dump", major, "the server is of PostgreSQL")
        with postgresql.snapshot(connection) as moment, writing(file) as draft:
            postgresql.dump(connection, moment, program, draft)
            return draft.finish(_contents(connection, server, version))
    with sqlite.copied(connection, file.parent) as copy:
        with sqlite.instead(copy) as copied:
            contents = _contents(copied, sqlite3.sqlite_version, 0)
        with writing(file) as draft:
            sqlite.dump(copy, draft)
            return draft.finish(contents)


def _contents(connection: BaseDatabaseWrapper, server: str, tool: int) -> Contents:
    migrations = state.applied(connection)
    if not migrations:
        raise BackupError("There is nothing to back up: the database was never migrated.")
    return Contents(
        product=settings.VERSION,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        vendor=connection.vendor,
        server=server,
        tool=tool,
        migrations=migrations,
        tables=state.counts(connection, state.tables(connection)),
        left_out=list(state.LEFT_OUT),
    )


def restore(file: Path, *, replace: str = "", say: Say) -> Restored:
    """Bring back all that a backup holds.

    `replace` is the name of the database, where it holds something that may be lost. Everything is
    in place and confirmed at the end, or nothing was changed. Of an older version the rows are
    counted; then it is put in place, migrated, and confirmed, since today's models cannot ask the
    tables of before, and not all migrations can be undone together. If one of these fails, the
    backup has taken the place of what was there.

    Raises `BackupError`, which says so.
    """
    connection = connections["default"]
    with reading(file) as backup:
        contents = backup.manifest.contents
        if contents.vendor != connection.vendor:
            raise BackupError(_other_database(file, contents.vendor))
        state.refuse_newer(contents.migrations, "The backup")
        _refuse_occupied(connection, replace)
        say(f"Made {contents.made_at}, {contents.tables['predictions_prediction']} predictions.")
        registry.forget()
        older = contents.migrations != sorted(set(contents.migrations) | set(state.known()))
        if connection.vendor == "postgresql":
            replayed = _into_postgresql(connection, backup, older)
        else:
            replayed = _into_sqlite(connection, backup, older)
    if older:
        say("It is of an older version: migrating…")
    try:
        # Also what is done after every migration: permissions of the roles, schedules.
        call_command("migrate", interactive=False, verbosity=0)
        if older:
            replayed = state.confirm_predictions()
    except (BackupError, CommandError, DatabaseError) as error:
        raise BackupError(
            f"{str(error).strip()} The backup has taken the place of what was there before."
        ) from error
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return Restored(manifest=backup.manifest, replayed=replayed)


def _into_postgresql(connection: BaseDatabaseWrapper, backup: Backup, older: bool) -> int:
    program, _version = postgresql.recent_tool(
        "pg_restore", backup.manifest.contents.tool, "the backup was made by PostgreSQL"
    )
    with transaction.atomic():
        postgresql.restore(connection, backup, program)
        return _confirm(connection, backup, older)


def _into_sqlite(connection: BaseDatabaseWrapper, backup: Backup, older: bool) -> int:
    beside = Path(connection.settings_dict["NAME"]).parent
    with sqlite.unpacked(backup, beside) as file:
        with sqlite.instead(file) as unpacked:
            replayed = _confirm(unpacked, backup, older)
        sqlite.put_in_place(file, connection)
    return replayed


def _confirm(connection: BaseDatabaseWrapper, backup: Backup, older: bool) -> int:
    state.confirm_counts(connection, backup.manifest.contents.tables)
    state.confirm_guards()
    # The tables of before cannot be asked by today's models.
    return 0 if older else state.confirm_predictions()


def _refuse_occupied(connection: BaseDatabaseWrapper, replace: str) -> None:
    name = database_name(connection)
    if replace and replace != name:
        raise BackupError(f"The database is called {name}, not {replace}. Nothing was changed.")
    if not replace and (held := state.occupied(connection)):
        raise BackupError(
            f"The database {name} is not empty: {held}. To lose that and put the backup in its"
            f" place, add: --replace {name}"
        )


def database_name(connection: BaseDatabaseWrapper) -> str:
    """What people call the database: of SQLite, its file's name."""
    name = str(connection.settings_dict["NAME"])
    return Path(name).name if connection.vendor == "sqlite" else name


def _other_database(file: Path, vendor: str) -> str:
    if vendor == "postgresql":
        return f"{file} is a backup of PostgreSQL, and this is SQLite. Nothing was changed."
    return (
        f"{file} is a backup of SQLite, and this is PostgreSQL. Unpack it and move it:"
        f" unzip {file} {sqlite.MEMBER}; manage.py move_from_sqlite {sqlite.MEMBER}"
    )
