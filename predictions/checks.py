"""What must hold before predictions are made.

`manage.py check --database default --fail-level WARNING` tells. They are warnings, because Django
lets no `migrate` past an error, and `migrate` is what puts a missing trigger back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections

from mlcore import append_only, registry
from predictions.models import Prediction


def check_records(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """W001: the active model can be used. W002: the triggers that guard the records are there."""
    problems: list[checks.CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if Prediction._meta.db_table not in connection.introspection.table_names():
            continue  # not migrated yet
        try:
            registry.active()
        except registry.ModelUnavailableError as error:
            problems.append(
                checks.Warning(
                    str(error),
                    hint="Restore the model's files from a backup, or activate another model.",
                    id="predictions.W001",
                )
            )
        problems.extend(
            checks.Warning(
                f"The table {table} can be changed: its append-only trigger is missing.",
                hint="Run: manage.py migrate",
                id="predictions.W002",
            )
            for table in append_only.unguarded(connection)
        )
    return problems
