"""What a database holds: asked before it is backed up, before it is filled, and after."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from accounts.models import User
from mlcore import append_only
from mlcore.models import ModelVersion, Origin, TrainingFile
from predictions.backups.archive import BackupError
from predictions.models import Batch, Prediction
from predictions.replay import replay

LEFT_OUT = (
    "django_session",
    "token_blacklist_blacklistedtoken",
    "token_blacklist_outstandingtoken",
)
"""People and programs that were signed in sign in again: what was ended must not come back to life.
A token is refused whose sign-in is not known."""
SAMPLE = 1_000
"""So many predictions are computed again, the newest."""
_MIGRATIONS = "django_migrations"


def tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Every table of ours, of Django's and of the packages', that is there."""
    ours = connection.introspection.django_table_names(only_existing=True, include_views=False)
    there = set(connection.introspection.table_names())
    return sorted({*ours, *({_MIGRATIONS} & there)})


def counts(connection: BaseDatabaseWrapper, names: Iterable[str]) -> dict[str, int]:
    """How many rows each table has; those that are left out count none."""
    found = {}
    with connection.cursor() as cursor:
        for name in names:
            if name in LEFT_OUT:
                found[name] = 0
                continue
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")  # noqa: S608
            found[name] = cursor.fetchone()[0]
    return found


def applied(connection: BaseDatabaseWrapper) -> list[str]:
    """The migrations that the database has seen."""
    return sorted(".".join(key) for key in MigrationRecorder(connection).applied_migrations())


def known() -> list[str]:
    """The migrations that this version of the product has."""
    loader = MigrationLoader(None)
    return sorted(".".join(key) for key in {*loader.disk_migrations, *loader.graph.nodes})


def refuse_newer(migrations: Iterable[str], what: str) -> None:
    """Raises `BackupError` for tables that this version of the product does not know."""
    if newer := sorted(set(migrations) - set(known())):
        raise BackupError(
            f"{what} comes from a newer version of the product ({newer[-1]} is not known here)."
            " Install that version first. Nothing was changed."
        )


def occupied(connection: BaseDatabaseWrapper) -> str:
    """What people have brought into the database, in words; empty when there is nothing yet."""
    there = set(connection.introspection.table_names())
    own = f"origin <> '{Origin.BUNDLED.value}'"
    said = []
    for model, name, condition in (
        (Prediction, "predictions", ""),
        (Batch, "files of employees", ""),
        (TrainingFile, "training files", ""),
        (User, "people", ""),
        (ModelVersion, "models of its own", own),
    ):
        table = model._meta.db_table
        if table not in there or (condition and "mlcore.0002_registry" not in applied(connection)):
            continue
        if count := _count(connection, table, condition):
            said.append(f"{count} {name}")
    return ", ".join(said)


def _count(connection: BaseDatabaseWrapper, table: str, condition: str = "") -> int:
    where = f" WHERE {condition}" if condition else ""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"{where}')  # noqa: S608
        return int(cursor.fetchone()[0])


def confirm_counts(connection: BaseDatabaseWrapper, expected: dict[str, int]) -> None:
    """Raises `BackupError` unless every table has its rows."""
    found = counts(connection, expected)
    if wrong := [name for name, rows in expected.items() if found[name] != rows]:
        name = wrong[0]
        raise BackupError(f"{name} has {found[name]} rows and should have {expected[name]}.")


def confirm_guards() -> None:
    """Put the append-only triggers in place. Raises `BackupError` when one is missing after it."""
    connection = connections["default"]
    append_only.install(connection)
    if open_tables := append_only.unguarded(connection):
        raise BackupError(f"{open_tables[0]} could be changed: its trigger cannot be put in place.")


def confirm_predictions(limit: int = SAMPLE) -> int:
    """Compute the newest predictions again, and give how many.

    Raises `BackupError` when one comes out otherwise.
    """
    replayed = 0
    for count, findings in replay(Prediction.objects.all(), limit=limit):
        replayed += count
        if findings:
            first = findings[0]
            what = first.trouble or f"differs: {', '.join(first.columns)}"
            raise BackupError(f"Prediction {first.id} is not confirmed ({what}).")
    return replayed
