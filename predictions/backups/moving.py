"""Everything from a SQLite file into PostgreSQL, in one transaction, and compared row by row.

Rows are read and written through the models' own fields, so that each value has the type that the
product gives it; a hash over all rows of a table, in no order, is compared with what PostgreSQL
then has. Memory stays flat, however many rows there are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import DatabaseError, IntegrityError, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from mlcore import registry
from predictions.backups import state
from predictions.backups.archive import BackupError

_SOURCE = "moved_from"
_AT_ONCE = 2_000
_LARGE_AT_ONCE = 10  # of rows that hold files
_EVERY = 5.0  # seconds between two words about the progress
_MODULUS = 1 << 256

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What is in the new place."""

    tables: dict[str, int]
    """Rows by table."""
    seconds: float
    replayed: int
    """Predictions that were computed again, and came out the same."""


def move(file: Path, *, say: Say) -> Moved:
    """Copy all that a SQLite file holds into the PostgreSQL database, which must be empty.

    The tables are made first, where they are missing. Raises `BackupError`; then no row was moved.
    """
    target = connections["default"]
    if target.vendor != "postgresql":
        raise BackupError("The way leads to PostgreSQL: set DATABASE_URL to the new database.")
    if held := (state.occupied(target) if state.tables(target) else ""):
        raise BackupError(f"The database {target.settings_dict['NAME']} is not empty: {held}.")
    started = time.monotonic()
    with _reading(file) as source:
        _refuse_other_tables(source, file)
        say("Making the tables…")
        call_command("migrate", interactive=False, verbosity=0)
        registry.forget()
        try:
            with transaction.atomic():
                rows = _copy(source, target, say)
                say("Computing the newest predictions again…")
                state.confirm_guards()
                replayed = state.confirm_predictions()
        except IntegrityError as error:
            raise BackupError(
                f"A row refers to one that is not there: {_without_values(error)}"
            ) from error
    # What follows every migration: permissions of the roles, schedules.
    call_command("migrate", interactive=False, verbosity=0)
    with target.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Moved(tables=rows, seconds=time.monotonic() - started, replayed=replayed)


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[BaseDatabaseWrapper]:
    """The SQLite file as one moment, whoever writes to it; it is never changed."""
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    # The defaults of every connection, with nothing of the other database's.
    settings: dict[str, Any] = {
        **connections.settings["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{file.absolute().as_uri()}?mode=ro",
        "OPTIONS": {"uri": True, "transaction_mode": "DEFERRED", "timeout": 20},
        "HOST": "",
        "PORT": "",
        "USER": "",
        "PASSWORD": "",
    }
    connections.settings[_SOURCE] = settings
    source = connections[_SOURCE]
    try:
        with transaction.atomic(using=_SOURCE):
            _refuse_damaged(source, file)
            yield source
    finally:
        source.close()
        del connections[_SOURCE]
        del connections.settings[_SOURCE]


def _refuse_damaged(source: BaseDatabaseWrapper, file: Path) -> None:
    try:
        with source.cursor() as cursor:
            cursor.execute("PRAGMA quick_check(1)")
            (said,) = cursor.fetchone()
    except DatabaseError as error:
        raise BackupError(f"{file} cannot be read as SQLite: {error}.") from error
    if said != "ok":
        raise BackupError(f"{file} is damaged: {said}")


def _refuse_other_tables(source: BaseDatabaseWrapper, file: Path) -> None:
    found = state.applied(source)
    state.refuse_newer(found, str(file))
    if missing := sorted(set(state.known()) - set(found)):
        raise BackupError(
            f"{file} is of an older version ({missing[0]} is missing). Bring it to this one first:"
            f" DATABASE_URL=sqlite:///{file.absolute()} manage.py migrate"
        )


def _copy(source: BaseDatabaseWrapper, target: BaseDatabaseWrapper, say: Say) -> dict[str, int]:
    """Every row of every table, compared after it was written. Gives the rows by table."""
    moved = list(_tables())
    with target.cursor() as cursor:
        # What `migrate` made: it comes with the others, under the numbers that it has there.
        cursor.execute("SET LOCAL statement_timeout = 0")
        for model in moved:
            if model._base_manager.order_by().exists():
                cursor.execute(f"DELETE FROM {_quoted(model, target)}")  # noqa: S608
    rows = {}
    for model in moved:
        table = model._meta.db_table
        began = time.monotonic()
        try:
            rows[table], sent = _send(model, source, target, say)
        except DatabaseError as error:
            raise BackupError(f"{table} could not be moved: {_without_values(error)}") from error
        found = _sum(_values(model, "default"), model)
        if (rows[table], sent) != found:
            raise BackupError(f"{table} is not the same in PostgreSQL: nothing was moved.")
        if rows[table]:
            say(f"{table}: {_said(rows[table], began)}")
    with target.cursor() as cursor:
        for sql in target.ops.sequence_reset_sql(no_style(), moved):
            cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return rows


def _without_values(error: DatabaseError) -> str:
    """What PostgreSQL said, but for the value: that is somebody's."""
    said = str(error)
    where = re.search(r"line \d+, column \w+", said)
    return said.splitlines()[0] + (f" ({where[0]})" if where else "")


def _tables() -> Iterator[type[models.Model]]:
    """Every model with a table of its own, but for those whose rows stay behind."""
    for model in apps.get_models(include_auto_created=True):
        meta = model._meta
        if meta.managed and not meta.proxy and meta.db_table not in state.LEFT_OUT:
            yield model


def _quoted(model: type[models.Model], connection: BaseDatabaseWrapper) -> str:
    return str(connection.ops.quote_name(model._meta.db_table))


def _values(model: type[models.Model], alias: str) -> Iterator[Sequence[Any]]:
    """All rows of a table, as Python's values, some at a time."""
    fields = model._meta.concrete_fields
    large = any(isinstance(field, models.BinaryField) for field in fields)
    names = [field.attname for field in fields]
    rows = model._base_manager.using(alias).order_by("pk").values_list(*names)
    yield from rows.iterator(chunk_size=_LARGE_AT_ONCE if large else _AT_ONCE)


def _send(
    model: type[models.Model], source: BaseDatabaseWrapper, target: BaseDatabaseWrapper, say: Say
) -> tuple[int, int]:
    """Write a table's rows, and give how many and their sum."""
    fields = model._meta.concrete_fields
    columns = ", ".join(str(target.ops.quote_name(field.column or "")) for field in fields)
    count, total = 0, 0
    began = spoken = time.monotonic()
    sql = f"COPY {_quoted(model, target)} ({columns}) FROM STDIN"
    with target.wrap_database_errors, target.cursor() as cursor, cursor.copy(sql) as copy:
        for row in _values(model, source.alias):
            copy.write_row(
                [
                    field.get_db_prep_save(value, target)
                    for field, value in zip(fields, row, strict=True)
                ]
            )
            count += 1
            total = (total + _digest(row)) % _MODULUS
            if time.monotonic() - spoken > _EVERY:
                spoken = time.monotonic()
                say(f"{model._meta.db_table}: {_said(count, began)} so far")
    return count, total


def _said(count: int, began: float) -> str:
    seconds = max(time.monotonic() - began, 1e-3)
    return f"{count:,} rows, {seconds:.1f} s, {count / seconds:,.0f} a second"


# ------------------------------------------------------------------ comparing


def _sum(rows: Iterator[Sequence[Any]], model: type[models.Model]) -> tuple[int, int]:
    """How many rows, and the sum of their hashes: the same in whatever order they come."""
    count, total = 0, 0
    for row in rows:
        count += 1
        total = (total + _digest(row)) % _MODULUS
    return count, total


def _digest(row: Sequence[Any]) -> int:
    text = json.dumps([_plain(value) for value in row], sort_keys=True, ensure_ascii=False)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=32).digest())


def _plain(value: Any) -> Any:
    """A value as it is in either database.

    PostgreSQL's JSON has numbers of one kind, so that 5.0 may come back as 5, and no zero below
    zero.
    """
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            return int(value) if value.is_integer() else value
        case bytes() | memoryview() | bytearray():
            return hashlib.blake2b(value).hexdigest()
        case dict():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return str(value)  # a UUID, a moment with its offset
