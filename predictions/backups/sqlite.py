"""SQLite's own way of copying a database that is in use, there and back."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from predictions.backups import state
from predictions.backups.archive import Backup, BackupError, Draft

MEMBER = "database.sqlite3"
_PATIENCE = 20.0  # seconds to wait for a writer
_BLOCK = 1 << 20


@contextlib.contextmanager
def copied(connection: BaseDatabaseWrapper, beside: Path) -> Iterator[Path]:
    """One moment of the database as a file of its own, which is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=".attrition-", dir=beside) as folder:  # mode 0700
        copy = Path(folder) / MEMBER
        with (
            contextlib.closing(_open(Path(connection.settings_dict["NAME"]))) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            there = {name for (name,) in target.execute("SELECT name FROM sqlite_master")}
            for name in {*state.LEFT_OUT} & there:
                target.execute(f"DELETE FROM {name}")  # noqa: S608 (a name of ours)
            target.commit()
            target.execute("VACUUM")
        yield copy


def dump(copy: Path, draft: Draft) -> None:
    """Write the copy into a backup."""
    with draft.member(MEMBER, packed=False), copy.open("rb") as source:
        draft.copy(source)


@contextlib.contextmanager
def instead(file: Path) -> Iterator[BaseDatabaseWrapper]:
    """Everything asks this database file while the block lasts."""
    connection = connections["default"]
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(file)
    try:
        yield connection
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@contextlib.contextmanager
def unpacked(backup: Backup, beside: Path) -> Iterator[Path]:
    """The backup's database as a file, sound in itself; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=".attrition-", dir=beside) as folder:
        file = Path(folder) / MEMBER
        with backup.open() as source, file.open("wb") as target:
            while block := source.read(_BLOCK):
                target.write(block)
        with contextlib.closing(_open(file)) as database:
            try:
                (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            except sqlite3.DatabaseError as error:
                raise BackupError(
                    f"The backup is damaged: {error}. Nothing was changed."
                ) from error
        if said != "ok":
            raise BackupError(f"The backup is damaged: {said}. Nothing was changed.")
        yield file


def put_in_place(file: Path, connection: BaseDatabaseWrapper) -> None:
    """Everything in the database becomes what is in the file, in one step or not at all."""
    name = Path(connection.settings_dict["NAME"])
    connection.close()
    try:
        with (
            contextlib.closing(sqlite3.connect(file)) as source,
            contextlib.closing(sqlite3.connect(name, timeout=_PATIENCE)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise BackupError(
            f"SQLite refused: {error}. Stop the web server and the worker first."
            " Nothing was changed."
        ) from error


def _open(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise BackupError(f"There is no database at {file}.")
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)
