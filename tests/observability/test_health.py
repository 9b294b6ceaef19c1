"""Alive is one question, ready another: a process is restarted for the one, left alone for the
other."""

from __future__ import annotations

import threading
import time

import pytest
from django.apps import apps
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from attrition_site import health


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    """It has not looked at the migrations yet."""
    monkeypatch.setattr(health, "_migrated", False)


def refused(*args):
    raise OperationalError("connection refused")


def ask(client, path):
    """Status, answer, and seconds that it took."""
    began = time.monotonic()
    response = client.get(path)
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    return response.status_code, response.json(), time.monotonic() - began


READY = {
    "status": "ready",
    "database": True,
    "migrations": True,
    "model": True,
    "oldest_task_seconds": None,
    "version": settings.VERSION,
}


def test_ready(client, active_model):
    assert ask(client, "/health/ready")[:2] == (200, READY)


def test_not_without_a_model(client, db):
    status, answer, _ = ask(client, "/health/ready")
    assert (status, answer) == (503, READY | {"status": "not ready", "model": False})


def test_not_before_the_last_migration(client, transactional_db, active_model):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET name = '-' WHERE name = '0003_batches'")
        try:
            status, answer, _ = ask(client, "/health/ready")
        finally:
            cursor.execute("UPDATE django_migrations SET name = '0003_batches' WHERE name = '-'")
    assert status == 503
    assert answer["database"] is True
    assert answer["migrations"] is False


def test_what_waits_is_said_and_makes_no_difference(client, transactional_db, active_model):
    since = timezone.now() - timezone.timedelta(minutes=10)
    OrmQ.objects.create(key="attrition", payload="", lock=since)
    status, answer, _ = ask(client, "/health/ready")
    assert status == 200
    assert 600 <= answer["oldest_task_seconds"] < 620


def test_without_a_database_it_lives_and_is_not_ready(client, active_model, monkeypatch):
    monkeypatch.setattr(CursorWrapper, "execute", refused)
    ready, live = ask(client, "/health/ready"), ask(client, "/health/live")
    monkeypatch.undo()
    assert (ready[0], live[0]) == (503, 200)
    assert ready[1]["database"] is False
    assert live[1] == {"status": "alive", "version": settings.VERSION}


def test_a_database_that_hangs_costs_less_than_two_seconds(client, active_model, monkeypatch):
    woken = threading.Event()
    monkeypatch.setattr(CursorWrapper, "execute", lambda *args: woken.wait(30))
    try:
        status, answer, took = ask(client, "/health/ready")
        assert (status, answer["database"]) == (503, False)
        assert took < 2
        status, _, took = ask(client, "/health/live")
        assert status == 200
        assert took < 0.5
    finally:
        woken.set()
        while health._probe._asking.locked():
            time.sleep(0.01)
        monkeypatch.undo()  # the test's own end asks the database too


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_probe_comes_over_http_and_only_asks(client, active_model, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code == 200
    assert client.head(path).content == b""
    assert client.post(path).status_code == 405


def test_the_migrations_of_this_release_are_those_that_django_finds():
    loader = MigrationLoader(None)
    labels = {app.label for app in apps.get_app_configs()}
    assert health.migrations_of_this_release() == {
        key for key in loader.disk_migrations if key[0] in labels
    }


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize(("strict", "status"), [(False, 405), (True, 403)])
def test_what_is_no_reading_is_refused_as_the_api_refuses(path, strict, status):
    answer = Client(enforce_csrf_checks=strict).post(path)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
