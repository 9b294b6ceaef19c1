from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.utils import ConnectionHandler
from django.utils import translation

from mlcore import append_only

_APPS = ("accounts", "mlcore", "predictions")
_INTRODUCTION = """\
# Database

Drawn from the models by `python manage.py draw_schema --output docs/database.md`; a test fails when
it is out of date. Types are PostgreSQL's. SQLite has the same tables with its own types, and takes
each index without its operator classes. Tables of Django and of other packages are left out, but
for those that ours refer to.

A reference marked *protected* keeps what it refers to from being deleted.
"""


class Command(BaseCommand):
    """Draws the database's schema, so that its description cannot drift from the models.

    It asks no database: what it writes is the same wherever it runs.
    """

    help = "Describe the database's schema as Markdown."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, help="write to this file, not to the terminal")

    def handle(self, *args: Any, output: Path | None = None, **options: Any) -> None:
        with translation.override("en"):
            drawn = draw()
        if output is None:
            self.stdout.write(drawn, ending="")
        else:
            output.write_text(drawn, encoding="utf-8")


def draw() -> str:
    """The whole description."""
    tables = []
    for label in _APPS:
        of_app = apps.get_app_config(label).get_models(include_auto_created=True)
        tables += sorted(
            (model for model in of_app if model._meta.managed and not model._meta.proxy),
            key=lambda model: bool(model._meta.auto_created),
        )
    postgresql = _postgresql()
    lines = [_INTRODUCTION, *_diagram(tables, postgresql)]
    for model in tables:
        lines += ["", *_table(model, postgresql)]
    return "\n".join(lines) + "\n"


def _postgresql() -> BaseDatabaseWrapper:
    """A connection that is never opened, to ask for the names of types."""
    handler = ConnectionHandler({DEFAULT_DB_ALIAS: {"ENGINE": "django.db.backends.postgresql"}})
    return DatabaseWrapper(handler.databases[DEFAULT_DB_ALIAS])


# ------------------------------------------------------------------ diagram


def _diagram(tables: list[type[models.Model]], connection: BaseDatabaseWrapper) -> Iterator[str]:
    yield "```mermaid"
    yield "erDiagram"
    for model in tables:
        yield f"    {model._meta.db_table} {{"
        for field in model._meta.local_concrete_fields:
            kind = re.sub(r"\W+", "_", _type(field, connection)).strip("_")
            keys = ", ".join(_keys(field))
            yield f"        {kind} {field.column}{f' {keys}' if keys else ''}"
        yield "    }"
    for model in tables:
        for field in model._meta.local_concrete_fields:
            if (related := _related(field)) is not None:
                one = "|o" if field.null else "||"
                many = "o|" if field.unique else "o{"
                target = related._meta.db_table
                yield f"    {target} {one}--{many} {model._meta.db_table} : {field.name}"
    yield "```"


def _keys(field: models.Field[Any, Any]) -> Iterator[str]:
    if field.primary_key:
        yield "PK"
    if _related(field) is not None:
        yield "FK"
    if field.unique and not field.primary_key:
        yield "UK"


# ------------------------------------------------------------------ one table


def _table(model: type[models.Model], connection: BaseDatabaseWrapper) -> Iterator[str]:
    meta = model._meta
    yield f"## {meta.db_table}"
    yield ""
    purpose = inspect.getdoc(model) or ""
    # Django gives a model without a docstring its list of fields for one.
    if purpose and not purpose.startswith(f"{model.__name__}("):
        yield purpose
        yield ""
    yield "| column | type | null | key | holds |"
    yield "|---|---|---|---|---|"
    for field in meta.local_concrete_fields:
        null = "yes" if field.null else ""
        kind = _type(field, connection)
        yield f"| `{field.column}` | {kind} | {null} | {_key(field)} | {field.verbose_name} |"
    if indexes := list(_indexes(model)):
        yield from ["", "| index | columns | serves |", "|---|---|---|", *indexes]
    if constraints := list(_constraints(model)):
        yield from ["", "| constraint | rule | why |", "|---|---|---|", *constraints]
    if meta.db_table in append_only.guarded():
        yield ""
        yield "Triggers refuse `UPDATE` and `DELETE`, and on PostgreSQL `TRUNCATE`: rows are added"
        yield "and read, and never changed. `migrate` puts the triggers in place, and"
        yield "`manage.py check --database default` reports one that is missing."


def _type(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    return field.db_type(connection) or ""


def _related(field: models.Field[Any, Any]) -> type[models.Model] | None:
    return field.related_model if isinstance(field, models.ForeignKey) else None


def _key(field: models.Field[Any, Any]) -> str:
    said = []
    if field.primary_key:
        said.append("primary")
    elif field.unique:
        said.append("unique")
    if isinstance(field, models.ForeignKey):
        related = field.related_model._meta
        protected = field.remote_field.on_delete is models.PROTECT
        said.append(f"→ `{related.db_table}`{', *protected*' if protected else ''}")
    return ", ".join(said)


def _indexes(model: type[models.Model]) -> Iterator[str]:
    comments = _comments(model)
    for index in model._meta.indexes:
        classes = [*index.opclasses, *[""] * len(index.fields)]
        columns = ", ".join(
            f"`{name}` {opclass}".strip()
            for name, opclass in zip(index.fields, classes, strict=False)
        )
        if index.condition is not None:
            columns += f" where {_condition(index.condition)}"
        yield f"| `{index.name}` | {columns} | {comments.get(index.name, '')} |"
    for field in model._meta.local_concrete_fields:
        if _related(field) and getattr(field, "db_index", False) and not field.unique:
            yield f"| (Django’s) | `{field.name}` | the reference itself |"


def _constraints(model: type[models.Model]) -> Iterator[str]:
    comments = _comments(model)
    for constraint in model._meta.constraints:
        why = comments.get(constraint.name, "")
        yield f"| `{constraint.name}` | {_rule(constraint)} | {why} |"
    for together in model._meta.unique_together:
        yield f"| (Django’s) | unique: {', '.join(f'`{name}`' for name in together)} | |"


def _rule(constraint: models.BaseConstraint) -> str:
    if isinstance(constraint, models.UniqueConstraint):
        rule = f"unique: {', '.join(f'`{name}`' for name in constraint.fields)}"
        rule += ", ".join(f"`{expression}`" for expression in constraint.expressions)
        if constraint.condition is not None:
            rule += f" where {_condition(constraint.condition)}"
        return rule
    if isinstance(constraint, models.CheckConstraint):
        return _condition(constraint.condition)
    return type(constraint).__name__


def _condition(condition: Any) -> str:
    """A condition as a reader of the models would say it."""
    if not isinstance(condition, models.Q):
        return f"`{condition}`"
    parts = [
        f"`{part[0]} = {part[1]}`" if isinstance(part, tuple) else f"({_condition(part)})"
        for part in condition.children
    ]
    joined = f" {condition.connector.lower()} ".join(parts)
    return f"not ({joined})" if condition.negated else joined


def _comments(model: type[models.Model]) -> dict[str, str]:
    """What the source says above each index and constraint, by its name."""
    if model._meta.auto_created:
        return {}
    source = textwrap.dedent(inspect.getsource(model))
    lines = source.splitlines()
    found = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                found[str(keyword.value.value)] = _comment_above(lines, node.lineno - 1)
    return found


def _comment_above(lines: list[str], line: int) -> str:
    start = line
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return " ".join(text.strip().lstrip("# ") for text in lines[start:line])
