"""What was backed up comes back whole, and nothing else ever happens to a database."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from accounts import tokens
from accounts.models import User
from mlcore import append_only, registry
from predictions.backups import postgresql, state
from predictions.models import Prediction, Source
from predictions.services import Request, predict
from tests.conftest import EMPLOYEE
from tests.database.conftest import asking, everything
from tests.training.test_jobs import database_url

HISTORY = "/api/v1/predict/history"
ON_POSTGRESQL = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL alone")


def run(*arguments):
    """A command's words."""
    said = StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def assess(count=1):
    """Predictions as the product records them."""
    active = registry.active()
    by = User.objects.get(username="hr")
    row = active.schema.clean(EMPLOYEE)
    for _ in range(count):
        predict(row, using=active, request=Request(requested_by=by, source=Source.FORM))


def alter_predictions():
    """What only the owner of a database can do."""
    append_only.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE predictions_prediction SET probability = 0.5")


class Writer(threading.Thread):
    """Someone who goes on working, one prediction after the other, each in its own transaction."""

    def __init__(self):
        super().__init__()
        self.at_work, self.ended = threading.Event(), threading.Event()
        self.written = 0
        self.error = None

    def run(self):
        try:
            while not self.ended.is_set():
                assess()
                self.written += 1
                self.at_work.set()
        except Exception as error:
            self.error = error
            self.at_work.set()
        finally:
            connection.close()


@pytest.fixture(scope="module", autouse=True)
def private_files():
    """What the tests write is as what `backup` writes, whatever this machine's habit is."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def token(lived_in):
    """What a program signed in with before the backup."""
    with asking(lived_in):
        return tokens.issue(User.objects.get(username="api"))


@pytest.fixture(scope="module")
def backup(databases, lived_in, token, tmp_path_factory):
    """A backup that was made while someone went on working, and all that was there before it."""
    file = tmp_path_factory.mktemp("backups") / "monday.backup"
    with asking(lived_in):
        before = everything(state.LEFT_OUT)
        writer = Writer()
        writer.start()
        assert writer.at_work.wait(20)
        said = run("backup", str(file))
        written = writer.written
        writer.ended.set()
        writer.join(20)
        assert writer.error is None
        after = everything(state.LEFT_OUT)
    assert written > 1
    return file, before, after, said


@pytest.fixture(scope="module")
def restored(databases, backup):
    """What `restore` makes of an empty database."""
    name = databases.empty()
    with asking(name):
        said = run("restore", str(backup[0]))
    return name, said


def manifest(file):
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("manifest.json"))


class TestABackup:
    def test_only_its_owner_reads_it_and_it_says_that_it_is_personal(self, backup):
        file, *_, said = backup
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "personal data" in said

    def test_it_is_one_moment_of_a_database_that_goes_on(self, backup):
        file, before, after, _ = backup
        counted = manifest(file)["contents"]["tables"]["predictions_prediction"]
        assert len(before["predictions_prediction"]) <= counted
        assert counted <= len(after["predictions_prediction"])

    def test_nothing_is_left_beside_it(self, backup):
        assert os.listdir(backup[0].parent) == [backup[0].name]

    def test_it_is_never_written_over(self, backup, lived_in):
        before = backup[0].read_bytes()
        with asking(lived_in), pytest.raises(CommandError, match="never written over"):
            run("backup", str(backup[0]))
        assert backup[0].read_bytes() == before

    def test_one_that_fails_leaves_nothing(self, databases, tmp_path):
        with (
            asking(databases.empty()),
            pytest.raises(CommandError, match=r"no database at|never migrated"),
        ):
            run("backup", str(tmp_path / "none.backup"))
        assert os.listdir(tmp_path) == []

    def test_a_folder_that_is_not_there_is_named(self, lived_in, tmp_path):
        with asking(lived_in), pytest.raises(CommandError, match="cannot be written"):
            run("backup", str(tmp_path / "not" / "there"))

    def test_nobody_who_was_signed_in_is_in_it(self, restored):
        with asking(restored[0]), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM django_session")
            assert cursor.fetchone() == (0,)

    def test_a_token_of_before_opens_nothing(self, token, lived_in, restored, client):
        access = {"Authorization": f"Bearer {token.access_token}"}
        with asking(lived_in):
            assert client.get(HISTORY, headers=access).status_code == 200
        with asking(restored[0]):
            assert client.get(HISTORY, headers=access).status_code == 401
            body = {"refresh": str(token)}
            answer = client.post("/api/v1/auth/refresh", body, content_type="application/json")
            assert answer.status_code == 401

    @ON_POSTGRESQL
    def test_postgresqls_own_tool_reads_it_without_us(self, backup):
        dump = subprocess.run(
            ["unzip", "-p", str(backup[0]), "database.dump"], capture_output=True, check=True
        ).stdout
        listed = subprocess.run(
            ["pg_restore", "--list"], input=dump, capture_output=True, check=True
        ).stdout
        assert b"TABLE DATA public predictions_prediction" in listed


class TestWhatComesBack:
    def test_every_row_of_every_table(self, backup, restored):
        file, before, after, _ = backup
        counted = manifest(file)["contents"]["tables"]
        with asking(restored[0]):
            found = everything(state.LEFT_OUT)
        recorded = set(found.pop("predictions_prediction"))
        assert len(recorded) == counted["predictions_prediction"]
        assert set(before.pop("predictions_prediction")) <= recorded
        assert recorded <= set(after["predictions_prediction"])
        assert found == before

    def test_it_says_how_much_and_that_it_was_confirmed(self, restored):
        assert "1000 predictions were computed again and came out the same" in restored[1]

    def test_records_are_guarded_and_new_rows_have_new_numbers(self, databases, restored):
        with asking(databases.copy_of(restored[0])):
            assert append_only.unguarded(connection) == []
            with (
                pytest.raises(DatabaseError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute("DELETE FROM predictions_prediction")
            newest = User.objects.order_by("-pk").first()
            assert User.objects.create_user("someone new").pk > newest.pk
            assess()
            run("replay_predictions")

    def test_one_of_an_older_version_is_brought_to_this_one(self, databases, restored, tmp_path):
        file = tmp_path / "older.backup"
        with asking(databases.copy_of(restored[0])):
            expected = Prediction.objects.count()
            call_command("migrate", "predictions", "0004_group_names", verbosity=0)
            run("backup", str(file))
        with asking(databases.empty()):
            said = run("restore", str(file))
            assert "It is of an older version: migrating…" in said
            assert "1000 predictions were computed again" in said
            assert Prediction.objects.count() == expected
            assert append_only.unguarded(connection) == []

    def test_of_an_older_version_one_that_is_not_confirmed_says_what_is_there(
        self, databases, restored, tmp_path
    ):
        file = tmp_path / "older.backup"
        with asking(databases.copy_of(restored[0])):
            alter_predictions()
            call_command("migrate", "predictions", "0004_group_names", verbosity=0)
            run("backup", str(file))
        with asking(databases.empty()):
            with pytest.raises(
                CommandError, match=r"is not confirmed.*The backup has taken the place"
            ):
                run("restore", str(file))
            assert Prediction.objects.exists()

    def test_a_database_that_was_only_prepared_counts_as_empty(self, databases, backup):
        with asking(databases.copy_of(connection.settings_dict["NAME"])):
            run("register_bundled_model")
            assert "Restored" in run("restore", str(backup[0]))


@pytest.fixture(scope="module")
def copy(databases, restored):
    """A database, and all that is in it."""
    name = databases.copy_of(restored[0])
    with asking(name):
        return name, everything()


class TestWhatIsRefused:
    """And changes nothing."""

    @pytest.fixture
    def kept(self, copy):
        """A database that must be the same at the end of each test."""
        name, before = copy
        with asking(name):
            yield
            assert everything() == before

    def name(self):
        return os.path.basename(str(connection.settings_dict["NAME"]))

    def test_a_database_that_holds_something(self, kept, backup):
        with pytest.raises(
            CommandError, match=r"is not empty: \d+ predictions, 1 files.*--replace"
        ):
            run("restore", str(backup[0]))

    def test_another_databases_name(self, kept, backup):
        with pytest.raises(CommandError, match=r"is called .*, not production"):
            run("restore", str(backup[0]), "--replace", "production")

    @pytest.mark.any_database
    @pytest.mark.parametrize(
        "damage",
        [
            lambda content: content[: len(content) // 2],
            lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
            lambda content: b"",
            lambda content: b"a letter",
        ],
        ids=["cut off", "one bit", "empty", "something else"],
    )
    def test_a_damaged_file(self, kept, backup, tmp_path, damage):
        file = tmp_path / "damaged.backup"
        file.write_bytes(damage(backup[0].read_bytes()))
        with pytest.raises(CommandError, match=r"damaged|no backup"):
            run("restore", str(file), "--replace", self.name())

    @pytest.mark.any_database
    def test_a_file_that_is_not_there(self, kept, tmp_path):
        with pytest.raises(CommandError, match="cannot be read"):
            run("restore", str(tmp_path / "none"), "--replace", self.name())

    @pytest.mark.any_database
    @pytest.mark.parametrize("mode", [0o620, 0o602], ids=["the group", "everyone"])
    def test_a_file_that_others_can_change(self, kept, backup, tmp_path, mode):
        file = tmp_path / "shared.backup"
        shutil.copy(backup[0], file)
        file.chmod(mode)
        with pytest.raises(CommandError, match="chmod go-w"):
            run("restore", str(file), "--replace", self.name())

    @pytest.mark.any_database
    @pytest.mark.skipif(os.getuid() != 0, reason="only root gives a file away")
    def test_a_file_of_another_user(self, kept, backup, tmp_path):
        file = tmp_path / "given.backup"
        shutil.copy(backup[0], file)
        os.chown(file, 12345, -1)
        with pytest.raises(CommandError, match="belongs to another user"):
            run("restore", str(file), "--replace", self.name())

    def changed(self, backup, tmp_path, **contents):
        """The backup with another manifest."""
        file = tmp_path / "changed.backup"
        with zipfile.ZipFile(backup[0]) as old, zipfile.ZipFile(file, "w") as new:
            document = json.loads(old.read("manifest.json"))
            new.writestr(document["member"], old.read(document["member"]))
            document["contents"].update(contents)
            new.writestr("manifest.json", json.dumps(document))
        return file

    def test_a_backup_of_a_newer_version(self, kept, backup, tmp_path):
        known = manifest(backup[0])["contents"]["migrations"]
        file = self.changed(backup, tmp_path, migrations=[*known, "predictions.9999_later"])
        with pytest.raises(CommandError, match=r"newer version.*9999_later"):
            run("restore", str(file), "--replace", self.name())

    def test_rows_that_are_missing(self, kept, backup, tmp_path):
        rows = manifest(backup[0])["contents"]["tables"]
        file = self.changed(backup, tmp_path, tables=rows | {"accounts_user": 5})
        with pytest.raises(CommandError, match="accounts_user has 4 rows and should have 5"):
            run("restore", str(file), "--replace", self.name())

    def test_a_prediction_that_does_not_come_out_again(self, kept, databases, restored, tmp_path):
        altered = tmp_path / "altered.backup"
        with asking(databases.copy_of(restored[0])):
            alter_predictions()
            run("backup", str(altered))
        with pytest.raises(CommandError, match=r"is not confirmed .differs: probability"):
            run("restore", str(altered), "--replace", self.name())

    @ON_POSTGRESQL
    def test_while_someone_uses_it(self, kept, backup):
        import psycopg

        with psycopg.connect(database_url()) as other, pytest.MonkeyPatch.context() as quick:
            quick.setattr(postgresql, "_LOCK_SECONDS", 1)
            other.execute("SELECT count(*) FROM accounts_user")
            with pytest.raises(CommandError, match="Someone is using the database"):
                run("restore", str(backup[0]), "--replace", self.name())

    @ON_POSTGRESQL
    def test_programs_that_are_older_than_the_server(self, kept, tmp_path, monkeypatch):
        old = tmp_path / "bin" / "pg_dump"
        old.parent.mkdir()
        old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.18 (Debian)'\n")
        old.chmod(0o700)
        monkeypatch.setenv("PATH", f"{old.parent}:/bin")
        with pytest.raises(CommandError, match="is of PostgreSQL 13, and the server"):
            run("backup", str(tmp_path / "x.backup"))
        old.unlink()
        monkeypatch.setenv("PATH", str(old.parent))
        with pytest.raises(CommandError, match="not on the PATH"):
            run("backup", str(tmp_path / "x.backup"))


def test_what_installing_makes_may_be_lost_and_what_people_make_may_not(active_model, alice):
    assert state.occupied(connection) == "1 people"
    alice.delete()
    assert state.occupied(connection) == ""


def test_with_its_name_a_database_is_replaced(databases, lived_in, backup, restored):
    with asking(restored[0]):
        expected = everything(state.LEFT_OUT)
    with asking(databases.copy_of(lived_in)):
        assess(3)
        name = os.path.basename(str(connection.settings_dict["NAME"]))
        run("restore", str(backup[0]), "--replace", name)
        assert everything(state.LEFT_OUT) == expected


@ON_POSTGRESQL
def test_the_password_is_in_no_command_line(db, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "not to be seen")
    assert postgresql.environment(connection)["PGPASSWORD"] == "not to be seen"


@contextlib.contextmanager
def command_of_its_own(name, file, *, seconds, folder):
    """A backup in a process of its own, as IT runs it, whose `pg_dump` takes so many seconds."""
    with asking(name):
        url = database_url()
    environment = {
        "DATABASE_URL": url,
        "DATABASE_STATEMENT_SECONDS": "1",
        "DATABASE_IDLE_TRANSACTION_SECONDS": "1",
    }
    if pg_dump := shutil.which("pg_dump"):
        slow = folder / "pg_dump"
        slow.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] || sleep {seconds}\nexec {pg_dump} "$@"\n'
        )
        slow.chmod(0o700)
        environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "backup", str(file)],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process


def test_as_a_command_of_its_own_whatever_limits_web_processes_have(restored, tmp_path):
    file = tmp_path / "own.backup"
    with command_of_its_own(restored[0], file, seconds=1.5, folder=tmp_path) as process:
        errors = process.communicate()[1]
    assert process.returncode == 0, errors
    assert Prediction._meta.db_table in manifest(file)["contents"]["tables"]


@ON_POSTGRESQL
def test_one_that_is_stopped_leaves_nothing(restored, tmp_path):
    backups = tmp_path / "backups"
    backups.mkdir()
    with command_of_its_own(
        restored[0], backups / "own.backup", seconds=5, folder=tmp_path
    ) as process:
        while not os.listdir(backups):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert os.listdir(backups) == []
