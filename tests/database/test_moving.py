"""From the SQLite file of the first weeks into PostgreSQL: nothing is lost on the way."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from accounts.models import User
from mlcore import append_only
from predictions.backups import moving, state
from predictions.models import Prediction
from tests.database.conftest import asking, everything
from tests.database.test_backup import assess

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="the way leads to PostgreSQL"
)

FILL = """
import os, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.database.conftest import fill
fill()
"""


def move(file):
    said = StringIO()
    call_command("move_from_sqlite", str(file), stdout=said)
    return said.getvalue()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A SQLite database that was used, made by the product itself."""
    place = tmp_path_factory.mktemp("sqlite") / "attrition.sqlite3"
    subprocess.run(
        [sys.executable, "-c", FILL],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{place}"},
        check=True,
    )
    return place


@pytest.fixture(scope="module")
def moved(databases, file):
    """The database it was moved into, and what was said."""
    before = file.read_bytes()
    name = databases.empty()
    with asking(name):
        said = move(file)
    assert file.read_bytes() == before
    return name, said


def rows_in(file):
    with contextlib.closing(sqlite3.connect(file)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in names
            if not name.startswith("sqlite_")
        }


def test_a_database_without_anybody_may_be_moved_into(db):
    assert state.occupied(connection) == ""


def test_every_table_has_its_rows(file, moved):
    there = rows_in(file)
    assert there["django_session"] == there["token_blacklist_outstandingtoken"] == 1
    expected = there | {"django_session": 0, "token_blacklist_outstandingtoken": 0}
    with asking(moved[0]):
        assert {name: len(rows) for name, rows in everything().items()} == expected
    assert expected["predictions_prediction"] > 1000


def test_values_have_their_types(file, moved):
    """Read by SQL on either side, where no field stands between."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        pk, moment, inputs = database.execute(
            "SELECT id, created_at, inputs FROM predictions_prediction ORDER BY id LIMIT 1"
        ).fetchone()
        (content,) = database.execute("SELECT content FROM mlcore_modelfiles").fetchone()
    with asking(moved[0]), connection.cursor() as cursor:
        cursor.execute(
            "SELECT replace(id::text, '-', ''),"
            " to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),"
            " inputs = %s::jsonb FROM predictions_prediction ORDER BY id LIMIT 1",
            [inputs],
        )
        assert cursor.fetchone() == (pk, moment, True)
        cursor.execute("SELECT content FROM mlcore_modelfiles")
        assert bytes(cursor.fetchone()[0]) == content
        cursor.execute("SELECT bool_and(is_active) FROM accounts_user")
        assert cursor.fetchone() == (True,)


def test_it_is_said_how_long_it_took_and_that_it_was_confirmed(moved):
    assert "predictions_prediction: 1,4" in moved[1]
    assert "each row was compared" in moved[1]
    assert "1000 predictions were computed again and came out the same" in moved[1]


def test_people_may_do_what_they_could_and_work_goes_on(databases, moved):
    with asking(databases.copy_of(moved[0])):
        assert User.objects.get(username="hr").has_perm("predictions.assess_by_form")
        kinds = Permission.objects.values_list("content_type__app_label", "codename")
        assert len(kinds) == len(set(kinds))
        newest = User.objects.order_by("-pk").first()
        assert User.objects.create_user("someone new").pk > newest.pk
        before = Prediction.objects.count()
        assess()
        assert Prediction.objects.count() == before + 1
        assert append_only.unguarded(connection) == []
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE predictions_prediction SET band = 'low'")


@pytest.fixture(scope="module")
def prepared(databases):
    return databases.copy_of(connection.settings_dict["NAME"])


class TestWhatIsRefused:
    """And leaves the database as it was."""

    @pytest.fixture
    def target(self, prepared):
        """A database that was only prepared; nothing of anybody's is in it after each test."""
        with asking(prepared):
            yield
            assert state.occupied(connection) == ""

    def changed(self, file, tmp_path, *statements):
        """The file with something changed in it."""
        copy = tmp_path / "changed.sqlite3"
        shutil.copy(file, copy)
        with contextlib.closing(sqlite3.connect(copy)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()
        return copy

    def test_a_database_that_holds_something(self, databases, moved, file):
        with asking(databases.copy_of(moved[0])):
            before = everything()
            with pytest.raises(CommandError, match=r"is not empty: \d+ predictions"):
                move(file)
            assert everything() == before

    def test_a_file_that_is_none(self, target, tmp_path):
        with pytest.raises(CommandError, match="There is no file"):
            move(tmp_path / "none.sqlite3")
        letter = tmp_path / "letter.sqlite3"
        letter.write_text("a letter" * 1000)
        with pytest.raises(CommandError, match="cannot be read as SQLite"):
            move(letter)

    def test_an_older_and_a_newer_version(self, target, file, tmp_path):
        older = self.changed(file, tmp_path, "DELETE FROM django_migrations WHERE app = 'axes'")
        with pytest.raises(CommandError, match="is of an older version"):
            move(older)
        newer = self.changed(
            file, tmp_path, "UPDATE django_migrations SET name = '9999' WHERE app = 'sessions'"
        )
        with pytest.raises(CommandError, match="newer version"):
            move(newer)

    def test_a_text_that_is_too_long_for_its_column(self, target, file, tmp_path):
        longer = self.changed(
            file,
            tmp_path,
            "UPDATE accounts_user SET username = printf('%.*c', 200, 'x') WHERE username = 'hr'",
        )
        with pytest.raises(CommandError, match="accounts_user could not be moved: value too long"):
            move(longer)

    def test_a_row_that_refers_to_nothing(self, target, file, tmp_path):
        loose = self.changed(file, tmp_path, "DELETE FROM accounts_user WHERE username = 'hr'")
        with pytest.raises(CommandError, match="refers to one that is not there"):
            move(loose)

    def test_a_prediction_that_does_not_come_out_again(self, target, file, tmp_path):
        altered = self.changed(
            file,
            tmp_path,
            "DROP TRIGGER predictions_prediction_append_only_update",
            "UPDATE predictions_prediction SET probability = 0.5",
        )
        with pytest.raises(CommandError, match="is not confirmed"):
            move(altered)


def test_a_row_that_arrives_otherwise_is_seen(databases, file, monkeypatch):
    monkeypatch.setattr(moving, "_values", _one_altered(moving._values))
    with asking(databases.copy_of(connection.settings_dict["NAME"])):
        with pytest.raises(moving.BackupError, match="is not the same in PostgreSQL"):
            moving.move(file, say=lambda _line: None)
        assert state.occupied(connection) == ""


def _one_altered(values):
    def altered(model, alias):
        rows = values(model, alias)
        if model is User and alias == "default":
            rows = ((*row[:-1], None) for row in rows)
        return rows

    return altered
