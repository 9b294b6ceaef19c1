"""A release is put to work while people use the one before: its migrations let them."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
import threading
import time
import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from predictions.models import Batch, FileShape, Prediction
from tests.database.conftest import asking
from tests.database.test_backup import assess
from tests.training.test_jobs import database_url

ON_POSTGRESQL = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's locks")

OURS = ("accounts", "mlcore", "predictions")
LARGE = {
    "predictions_prediction",
    "predictions_refusedrow",
    "predictions_batchchunk",
    "predictions_batchpiece",
}
"""Tables that grow with the number of employees and of years. All others stay small."""
AT_FIRST = {"0001_initial"}
"""What made the tables of the first release, in which there was nothing yet."""
BEFORE_ANYONE = {
    ("mlcore", "0002_registry"),
    ("predictions", "0002_prediction_floor"),
    ("predictions", "0003_batches"),
}
"""What was done before a release served anyone: they need not leave one before able to write."""
LEAVE_THE_RELEASE_BEFORE = {"ban-drop-column", "ban-drop-default"}
"""Without the column, or with one that must be filled, the release before could not write."""
# What our migrations do otherwise: `migrate` limits its own waiting for locks; what was done is not
# done again; types are the models'.
OTHERWISE = (
    "require-timeout-settings",
    "prefer-robust-stmts",
    "prefer-bigint-over-int",
    "prefer-text-field",
    "prefer-identity",
)
# A reference in a new column that is empty everywhere: there is nothing to try.
EMPTY_REFERENCE = re.compile(
    r'ALTER TABLE "\w+" ADD COLUMN "\w+" \w+ NULL CONSTRAINT "\w+" REFERENCES'
)
A_NEW_REFERENCE = (
    'ALTER TABLE "predictions_prediction" ADD COLUMN "x" bigint NULL CONSTRAINT "y"'
    ' REFERENCES "z"("id") DEFERRABLE INITIALLY DEFERRED;'
)
SQUAWK = Path(sysconfig.get_path("scripts")) / "squawk"


def objections(sql, *, atomic=True, served=True):
    """What squawk says of statements about large tables that were there before: rule and line.

    And, of a release that others `served` before, about any table.
    """
    command = [str(SQUAWK), "--reporter=json", "--pg-version=15", "--stdin-filepath=migration.sql"]
    command += [f"--exclude={','.join(OTHERWISE)}"]
    if atomic:
        command += ["--assume-in-transaction"]
    done = subprocess.run(command, input=sql, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    lines = sql.splitlines()
    found = []
    for objection in json.loads(done.stdout):
        line = lines[objection["line"]]
        if objection["rule_name"] == "adding-foreign-key-constraint" and EMPTY_REFERENCE.match(
            line
        ):
            continue
        if objection["rule_name"] in LEAVE_THE_RELEASE_BEFORE:
            if served:
                found.append((objection["rule_name"], line))
        elif changes_large_table(line, sql):
            found.append((objection["rule_name"], line))
    # It does not know that PostgreSQL tries a check that comes with a column on every row.
    for line in lines:
        if re.search(r"ADD COLUMN .* CHECK \(", line) and changes_large_table(line, sql):
            found.append(("column-with-check", line))
    return found


def changes_large_table(line, sql):
    made = set(re.findall(r'CREATE TABLE "(\w+)"', sql))
    named = re.match(r'(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX .*? ON) "(\w+)"', line)
    return bool(named) and named[1] in LARGE - made


def migrations():
    loader = MigrationLoader(None)
    return sorted(
        (app, name) for app, name in loader.disk_migrations if app in OURS and name not in AT_FIRST
    )


@ON_POSTGRESQL
@pytest.mark.parametrize(("app", "name"), migrations())
def test_no_migration_locks_a_large_table(db, app, name):
    sql = StringIO()
    call_command("sqlmigrate", app, name, stdout=sql, no_color=True)
    atomic = MigrationLoader(None).disk_migrations[app, name].atomic
    served = (app, name) not in BEFORE_ANYONE
    assert objections(sql.getvalue(), atomic=atomic, served=served) == []


@pytest.mark.parametrize(
    "sql",
    [
        'CREATE INDEX "x" ON "predictions_prediction" ("band");',
        'CREATE UNIQUE INDEX "x" ON "predictions_prediction" ("band");',
        'ALTER TABLE "predictions_prediction" ADD COLUMN "x" integer NOT NULL;',
        'ALTER TABLE "predictions_prediction" ADD COLUMN "x" bigint NULL CHECK ("x" >= 0);',
        'ALTER TABLE "predictions_prediction" ALTER COLUMN "band" SET NOT NULL;',
        'ALTER TABLE "predictions_prediction" ALTER COLUMN "row" TYPE text;',
        'ALTER TABLE "predictions_prediction" ADD CONSTRAINT "x" CHECK ("row" > 0);',
        'ALTER TABLE "predictions_prediction" ADD FOREIGN KEY ("row") REFERENCES "x" ("id");',
        'ALTER TABLE "predictions_prediction" ADD CONSTRAINT "x" UNIQUE ("row");',
        'ALTER TABLE "predictions_prediction" ADD COLUMN "x" uuid DEFAULT gen_random_uuid();',
        'ALTER TABLE "predictions_prediction" RENAME COLUMN "band" TO "level";',
        'ALTER TABLE "accounts_user" DROP COLUMN "name";',
        'ALTER TABLE "accounts_user" ALTER COLUMN "name" DROP DEFAULT;',
    ],
)
def test_what_locks_or_rewrites_is_objected_to(sql):
    assert objections(sql + "\n")


@pytest.mark.parametrize(
    ("sql", "atomic"),
    [
        ('CREATE INDEX CONCURRENTLY "x" ON "predictions_prediction" ("band");', False),
        (
            'ALTER TABLE "predictions_prediction" ADD COLUMN "x" jsonb DEFAULT \'{}\' NOT NULL;',
            True,
        ),
        ('ALTER TABLE "predictions_prediction" VALIDATE CONSTRAINT "x";', False),
        (A_NEW_REFERENCE, True),
        ('CREATE INDEX "x" ON "mlcore_activation" ("activated_at");', True),
    ],
)
def test_what_does_not_is_let_through(sql, atomic):
    assert objections(sql + "\n", atomic=atomic) == []


def test_every_table_that_was_named_is_there():
    ours = {
        model._meta.db_table for label in OURS for model in apps.get_app_config(label).get_models()
    }
    assert ours >= LARGE
    guide = (settings.BASE_DIR / "docs" / "operations.md").read_text()
    assert all(f"`{table}`" in guide for table in LARGE)


# ------------------------------------------------------------------ while people work


RELEASED = [
    ("accounts", "0002_roles"),
    ("mlcore", "0002_registry"),
    ("predictions", "0003_batches"),
]
"""What the release before knows of the tables."""


def test_the_release_before_brings_a_file_and_assesses(databases, lived_in):
    before = MigrationLoader(None).project_state(RELEASED).apps

    def make(model, /, **values):
        return before.get_model("predictions", model).objects.create(**values)

    with asking(databases.copy_of(lived_in)):
        user = before.get_model("accounts", "User").objects.get(username="hr")
        brought = make("Batch", name="e.csv", sha256="0" * 64, size=1, uploaded_by_id=user.pk)
        make("FileShape", fingerprint="1" * 64, matched={}, updated_by_id=user.pk)
        one = before.get_model("predictions", "Prediction").objects.first()
        one.pk, one.batch_id, one.row = uuid.uuid4(), brought.pk, 2
        one.save(force_insert=True)
        batch, shape = Batch.objects.get(pk=brought.pk), FileShape.objects.get(fingerprint="1" * 64)
        assert (batch.group_names, batch.answers) == ({}, {})
        assert (shape.group_names, shape.answers) == ({}, {})
        assert Prediction.objects.get(batch=batch).given is None


INDEXES = ("predictions", "0005_indexes_unlocked")


def forget_the_indexes():
    """As if the migration had not been done that makes them."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", INDEXES)


def indexes():
    """Each index of the predictions: what it is, and whether it was finished."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.oid, i.indisvalid FROM pg_index i JOIN pg_class c"
            " ON c.oid = i.indexrelid WHERE i.indrelid = 'predictions_prediction'::regclass"
        )
        return sorted(cursor.fetchall())


@ON_POSTGRESQL
class TestTheIndexes:
    def test_a_database_that_has_them_keeps_them(self, databases, lived_in):
        with asking(databases.copy_of(lived_in)):
            call_command("migrate", *INDEXES, verbosity=0)
            before = indexes()
            forget_the_indexes()
            call_command("migrate", verbosity=0)
            assert indexes() == before

    def test_one_that_was_interrupted_is_made_again(self, databases, lived_in):
        with asking(databases.copy_of(lived_in)):
            call_command("migrate", *INDEXES, verbosity=0)
            before = indexes()
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE pg_index SET indisvalid = false"
                    " WHERE indexrelid IN ('prediction_kind'::regclass,"
                    " 'one_prediction_per_row'::regclass)"
                )
            forget_the_indexes()
            call_command("migrate", verbosity=0)
            after = indexes()
            assert [name for name, *_ in after] == [name for name, *_ in before]
            assert all(finished for *_, finished in after)

    def test_people_are_assessed_while_they_are_made(self, databases, lived_in):
        import psycopg

        with asking(databases.copy_of(lived_in)):
            call_command("migrate", "predictions", "0004_group_names", verbosity=0)
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND query LIKE '%INDEX CONCURRENTLY%'"
            )

            failures = []

            def migrate():
                try:
                    call_command("migrate", verbosity=0)
                except Exception as error:
                    failures.append(error)
                finally:
                    connection.close()

            with psycopg.connect(database_url()) as someone:
                someone.execute("SELECT count(*) FROM predictions_prediction")
                someone.execute("LOCK TABLE predictions_prediction IN ROW EXCLUSIVE MODE")
                migrating = threading.Thread(target=migrate)
                migrating.start()
                deadline = time.monotonic() + 20
                with connection.cursor() as cursor:
                    cursor.execute("SET lock_timeout = '1s'")
                    found = 0
                    while not found:
                        assert time.monotonic() < deadline, failures
                        cursor.execute(waiting)
                        (found,) = cursor.fetchone()
                    cursor.execute("SELECT count(*) FROM predictions_prediction")
                    # What an assessment asks of the table: more is not to be had, for the columns
                    # of later migrations are missing yet.
                    with transaction.atomic():
                        cursor.execute("LOCK TABLE predictions_prediction IN ROW EXCLUSIVE MODE")
                assert migrating.is_alive()
                someone.rollback()
            migrating.join(20)
            assert (migrating.is_alive(), failures) == (False, [])
            assert all(finished for *_, finished in indexes())
            assess()

    def test_a_row_that_breaks_the_check_is_still_refused(self, databases, lived_in):
        with asking(databases.copy_of(lived_in)):
            call_command("migrate", "predictions", "0002_prediction_floor", verbosity=0)
            call_command("migrate", verbosity=0)
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT convalidated FROM pg_constraint"
                    " WHERE conname = 'predictions_prediction_row_check'"
                )
                assert cursor.fetchone() == (True,)


@ON_POSTGRESQL
def test_a_migration_that_gets_no_lock_gives_up_and_lets_others_by(databases, lived_in):
    import psycopg

    with asking(databases.copy_of(lived_in)):
        call_command("migrate", "predictions", "0003_batches", verbosity=0)
        with psycopg.connect(database_url()) as someone:
            someone.execute("SELECT count(*) FROM predictions_batch")
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            started = time.monotonic()
            with pytest.raises(CommandError, match="Someone is using a table"):
                call_command("migrate", verbosity=0)
            assert time.monotonic() - started < 5
        call_command("migrate", verbosity=0)


def test_one_row_per_line_of_a_file_however_the_database_came_about(databases, lived_in):
    """The way back, and forth again."""
    with asking(databases.copy_of(lived_in)):
        call_command("migrate", "predictions", "0004_group_names", verbosity=0)
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, "predictions_prediction")
            columns = connection.introspection.get_table_description(
                cursor, "predictions_prediction"
            )
        assert found["one_prediction_per_row"]["unique"]
        assert found["prediction_newest"]["columns"][:2] == ["created_at", "id"]
        assert "prediction_band" not in found
        names = ", ".join(f'"{column.name}"' for column in columns if column.name != "id")
        on_postgresql = connection.vendor == "postgresql"
        number = "gen_random_uuid()" if on_postgresql else "hex(randomblob(16))"
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO predictions_prediction (id, {names})"
                f" SELECT {number}, {names} FROM predictions_prediction"
            )
