"""Migrations of tables that many people use and that may be large: nobody waits for long.

On PostgreSQL indexes are made and dropped while rows are read and written, and a check of rows that
are there already takes no lock that keeps anyone out. Each of these can be run again after it was
interrupted, and leaves alone what is as wanted already. SQLite has one writer anyway.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

Kept = models.Index | models.UniqueConstraint


class AddFieldUnchecked(migrations.AddField):
    """A new column that may be empty, whose check is not tried on the rows that are there.

    `ValidateCheck` tries it, in a later migration that is not atomic.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        parameters = field.db_parameters(schema_editor.connection)
        quote = schema_editor.connection.ops.quote_name
        table = quote(model._meta.db_table)
        schema_editor.execute(
            f"ALTER TABLE {table} ADD COLUMN {quote(field.column)} {parameters['type']} NULL"
        )
        name = quote(f"{model._meta.db_table}_{field.column}_check")
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({parameters['check']}) NOT VALID"
        )


class ValidateCheck(ValidateConstraint):
    """Tries a constraint on the rows that are there, while they are read and written."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class ReplaceIndexes(Operation):
    """Other indexes, and unique constraints with a condition, in the place of some."""

    reversible = True
    atomic = False

    def __init__(self, *, model_name: str, before: Sequence[Kept], after: Sequence[Kept]) -> None:
        self.model_name = model_name
        self.before = before
        self.after = after

    def describe(self) -> str:
        return f"Make other indexes of {self.model_name} while it is used"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        model = self.model_name.lower()
        for old in self.before:
            if isinstance(old, models.Index):
                state.remove_index(app_label, model, old.name)
            else:
                state.remove_constraint(app_label, model, old.name)
        for new in self.after:
            if isinstance(new, models.Index):
                state.add_index(app_label, model, new)
            else:
                state.add_constraint(app_label, model, new)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        self._replace(model, schema_editor, self.before, self.after)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        self._replace(model, schema_editor, self.after, self.before)

    def _replace(
        self,
        model: type[models.Model],
        schema_editor: BaseDatabaseSchemaEditor,
        before: Sequence[Kept],
        after: Sequence[Kept],
    ) -> None:
        there = {} if schema_editor.collect_sql else _there(model, schema_editor)
        wanted = {new.name: new for new in after}
        with _waiting_for_others(schema_editor):
            for old in before:
                as_wanted = old.name in wanted and there.get(old.name) == _shape(
                    wanted[old.name], model
                )
                if not as_wanted and (old.name in there or schema_editor.collect_sql):
                    _drop(old, schema_editor)
                    there.pop(old.name, None)
            for new in after:
                if there.get(new.name) == _shape(new, model):
                    continue
                if new.name in there:  # begun once, and interrupted
                    _drop(new, schema_editor)
                _create(new, model, schema_editor)


Shape = tuple[tuple[str, ...], tuple[str, ...], bool]


def _shape(wanted: Kept, model: type[models.Model]) -> Shape:
    """The columns, their orders, and whether no two rows may be alike."""
    if isinstance(wanted, models.Index):
        orders = [order or "ASC" for _name, order in wanted.fields_orders]
        names = [name for name, _order in wanted.fields_orders]
    else:
        names = list(wanted.fields)
        orders = ["ASC"] * len(names)
    by_name = {field.name: str(field.column) for field in model._meta.concrete_fields}
    columns = tuple(by_name[name] for name in names)
    return columns, tuple(orders), isinstance(wanted, models.UniqueConstraint)


def _there(
    model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor
) -> dict[str, Shape | None]:
    """The indexes of a table that are there; None for one that was never finished."""
    connection = schema_editor.connection
    table = model._meta.db_table
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
        unfinished: set[str] = set()
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " WHERE i.indrelid = %s::regclass AND NOT i.indisvalid",
                [connection.ops.quote_name(table)],
            )
            unfinished = {name for (name,) in cursor.fetchall()}
    shapes: dict[str, Shape | None] = {}
    for name, each in found.items():
        if each["index"] or each["unique"]:
            columns = tuple(each["columns"])
            orders = tuple(each.get("orders") or ["ASC"] * len(columns))
            shapes[name] = None if name in unfinished else (columns, orders, bool(each["unique"]))
    return shapes


def _drop(old: Kept, schema_editor: BaseDatabaseSchemaEditor) -> None:
    concurrently = " CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""
    name = schema_editor.connection.ops.quote_name(old.name)
    schema_editor.execute(f"DROP INDEX{concurrently} IF EXISTS {name}")


def _create(new: Kept, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> None:
    sql = str(new.create_sql(model, schema_editor))
    if schema_editor.connection.vendor == "postgresql":
        start = "CREATE UNIQUE INDEX " if sql.startswith("CREATE UNIQUE") else "CREATE INDEX "
        if not sql.startswith(start):
            raise ValueError(f"No index can be made of {new.name} while its table is used.")
        sql = f"{start}CONCURRENTLY {sql.removeprefix(start)}"
    schema_editor.execute(sql, params=None)


@contextlib.contextmanager
def _waiting_for_others(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    """Nobody waits behind an index that is made like this: it may wait as long as it must."""
    connection: Any = schema_editor.connection
    if connection.vendor != "postgresql" or schema_editor.collect_sql:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        (before,) = cursor.fetchone()
        cursor.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
