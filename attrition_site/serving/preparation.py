"""What must be in place before something is served: the database, its tables, the model."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

from django.conf import settings

# Seconds that a database may take to answer: in containers it often starts at the same time.
DATABASE_PATIENCE = 30.0

# Any number will do, as long as nobody else takes it: it names the lock on the whole database.
_MIGRATING = 7_302_551_084_112_293_741


class CannotServeError(Exception):
    """Why this cannot go on, in words for the person at the terminal."""


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def wait_for_database(patience: float = DATABASE_PATIENCE) -> None:
    """Return once the database answers; raise CannotServeError if it does not in `patience` s."""
    from django.db import OperationalError, connection

    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise CannotServeError(
                    f"The database does not answer after {patience:.0f} seconds: {error}".strip()
                ) from error
            if not told:
                say("Waiting for the database…")
                told = True
            time.sleep(0.5)
        else:
            return


def waiting_migrations() -> list[str]:
    """The migrations of this release that the database lacks, as `app.name`.

    Those of a later release are no hindrance: it was migrated before this one was stopped.
    """
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def refuse_unprepared() -> None:
    """Raise CannotServeError unless the database is as this release needs it.

    Nothing is changed here: several processes start at once, and one alone migrates.
    """
    from django.db import connection

    from mlcore import append_only

    wait_for_database()
    if waiting := waiting_migrations():
        raise CannotServeError(
            f"The database lacks {len(waiting)} of this release's migrations, beginning with"
            f" {waiting[0]}.\nRun this first: python -m attrition_site.serve migrate"
        )
    if unguarded := append_only.unguarded(connection):
        raise CannotServeError(
            f"Nothing keeps the records in {', '.join(unguarded)} from being changed: triggers are"
            " missing.\nRun this first: python -m attrition_site.serve migrate"
        )


def migrate(*, verbosity: int = 1) -> None:
    """Bring tables, roles, schedules, guards and the bundled model to this release.

    It can run twice, and at once in two places: the second waits, and then finds nothing to do.
    """
    from django.core.management import call_command

    from attrition_site import checks

    wait_for_database()
    checks.refuse_to_start()
    with _alone():
        call_command("migrate", interactive=False, verbosity=verbosity)
        call_command("register_bundled_model", verbosity=verbosity)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process at a time pass, of all that work on this database."""
    from django.db import connection

    if connection.vendor != "postgresql":
        import fcntl

        settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
        with (settings.VAR_DIR / "migrating").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    # The lock ends with the connection, so a process that dies leaves none behind. It is asked for
    # again and again: a statement that waits could be given up by a limit on statements.
    told = False
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_MIGRATING])
            if cursor.fetchone()[0]:
                break
            if not told:
                say("Another process is migrating this database: waiting for it…")
                told = True
            time.sleep(0.5)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])
