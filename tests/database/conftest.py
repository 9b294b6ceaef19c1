"""Databases of their own: made from the tests', asked by everything in this process for a while."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from mlcore import registry
from tests.training.test_jobs import database_url

_numbers = itertools.count(1)
_blockers = []  # what keeps a test from the database that does not say that it needs one


@contextlib.contextmanager
def asking(name):
    """Everything asks this database while the block lasts."""
    before = connection.settings_dict["NAME"]
    connection.close()
    registry.forget()
    connection.settings_dict["NAME"] = name
    try:
        with _blockers[-1].unblock():
            yield connection
            connection.close()
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
        registry.forget()


class Databases:
    """Makes databases and takes them away."""

    def __init__(self, folder):
        self._folder = folder
        self._made = []

    def _name(self):
        return f"attrition_{os.getpid()}_{next(_numbers)}"

    def empty(self):
        """One without any table."""
        if connection.vendor == "sqlite":
            return str(self._folder / f"{self._name()}.sqlite3")
        name = self._name()
        self._postgresql(f"CREATE DATABASE {name}")
        self._made.append(name)
        return name

    def copy_of(self, origin):
        """One with all that another one holds.

        Whoever is still connected to that is sent away: a thread that an earlier test left."""
        if connection.vendor == "sqlite":
            name = self.empty()
            with (
                contextlib.closing(sqlite3.connect(origin)) as source,
                contextlib.closing(sqlite3.connect(name)) as target,
            ):
                source.backup(target)
            return name
        name = self._name()
        self._postgresql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{origin}' AND backend_type = 'client backend'"
        )
        self._postgresql(f"CREATE DATABASE {name} TEMPLATE {origin}")
        self._made.append(name)
        return name

    def end(self):
        for name in self._made:
            self._postgresql(f"DROP DATABASE {name} WITH (FORCE)")

    @staticmethod
    def _postgresql(sql):
        import psycopg

        connection.close()
        server, _, options = database_url().partition("?")
        url = f"{server.rpartition('/')[0]}/postgres?{options}"
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(sql)


@pytest.fixture(scope="session")
def databases(django_db_setup, django_db_blocker, tmp_path_factory):
    """Makes them; they are gone when the tests are done."""
    made = Databases(tmp_path_factory.mktemp("databases"))
    _blockers.append(django_db_blocker)
    yield made
    made.end()


def everything(leave_out=()):
    """Every row of every table, in no order: what two databases are compared by."""
    with connection.cursor() as cursor:
        rows = {}
        for table in sorted(connection.introspection.table_names()):
            if table not in leave_out:
                cursor.execute(f'SELECT * FROM "{table}"')
                rows[table] = sorted(map(repr, cursor.fetchall()))
        return rows


@pytest.fixture(scope="session")
def lived_in(databases):
    """A database like one that was used: people, a file's predictions, a decision, a session."""
    name = databases.copy_of(connection.settings_dict["NAME"])
    with asking(name):
        fill()
    return name


def fill():
    """What some days of work leave behind, made by the product itself."""
    from django.contrib.sessions.backends.db import SessionStore

    from accounts import tokens
    from accounts.models import User
    from mlcore.models import ModelVersion, OperatingDecision

    call_command("register_bundled_model", verbosity=0, stdout=StringIO())
    with override_settings(PASSWORD_HASHERS=["tests.people.QuickBCrypt"]):
        call_command("make_demo_accounts", verbosity=0, stdout=StringIO())
    call_command("make_demo_workforce", verbosity=0, stdout=StringIO())
    hr, admin = User.objects.get(username="hr"), User.objects.get(username="admin")
    version = ModelVersion.objects.get()
    OperatingDecision.objects.create(
        model_version=version,
        moderate_from=0.1,
        threshold=0.25,
        very_high_from=0.5,
        basis="cost",
        basis_value=4.0,
        reason="Line one\nline two\t\\N \\. “é” \x7f",
        decided_by=admin,
    )
    tokens.issue(User.objects.get(username="api"))
    session = SessionStore()
    session["who"] = hr.pk
    session.save()
