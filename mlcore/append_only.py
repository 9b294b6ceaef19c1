"""The database itself refuses to change or delete a record, whoever asks and by which door.

An app names its tables of records (`guard`) when it is ready. The triggers are put in place after
every `migrate`: on SQLite a migration may rebuild a table, and triggers do not survive that.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate

_tables: list[str] = []

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$
"""
_POSTGRESQL_TRIGGER = """
CREATE OR REPLACE TRIGGER {table}_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
_SQLITE_TRIGGERS = {
    "update": "BEFORE UPDATE ON {table}",
    "delete": "BEFORE DELETE ON {table}",
    # REPLACE takes the row in its way away without firing a delete trigger. (A `rowid` that is not
    # given is -1 here.)
    "replace": "BEFORE INSERT ON {table}"
    " WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id OR rowid = NEW.rowid)",
}
_SQLITE_TRIGGER = """
CREATE TRIGGER IF NOT EXISTS {table}_append_only_{event} {when}
BEGIN SELECT RAISE(ABORT, '{table} is append-only: {event} refused'); END
"""


def guard(app: AppConfig, *tables: str) -> None:
    """From now on nobody changes these tables of `app`: rows are added and read."""
    _tables.extend(table for table in tables if table not in _tables)
    post_migrate.connect(_install_after_migrate, sender=app)


def guarded() -> tuple[str, ...]:
    """Every table that is append-only."""
    return tuple(_tables)


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place, on the tables that are there; harmless where they are."""
    # `migrate predictions zero` leaves no table to guard.
    present = set(connection.introspection.table_names())
    tables = [table for table in _tables if table in present]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION)
            for table in tables:
                cursor.execute(_POSTGRESQL_TRIGGER.format(table=table))
        else:
            for table in tables:
                for event, when in _SQLITE_TRIGGERS.items():
                    when = when.format(table=table)
                    cursor.execute(_SQLITE_TRIGGER.format(table=table, event=event, when=when))


def remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away: for tests, which empty their tables."""
    with connection.cursor() as cursor:
        for table in _tables:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
            else:
                for event in _SQLITE_TRIGGERS:
                    cursor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only_{event}")


def unguarded(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables whose triggers are not all there, or are switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        present = {name for (name,) in cursor.fetchall()}
    return [table for table in _tables if not _triggers(connection.vendor, table) <= present]


def _triggers(vendor: str, table: str) -> set[str]:
    if vendor == "postgresql":
        return {f"{table}_append_only"}
    return {f"{table}_append_only_{event}" for event in _SQLITE_TRIGGERS}


def _install_after_migrate(*, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    install(connections[using])
