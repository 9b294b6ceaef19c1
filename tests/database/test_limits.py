"""Limits that keep one slow statement, or one web process, from standing in everyone's way.

A real web server of one process and eight threads, with two connections to PostgreSQL.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from attrition_site.serving import web_server
from predictions.models import Prediction
from tests.conftest import EMPLOYEE
from tests.people import bearer
from tests.processes import free_port, until
from tests.training.test_jobs import database_url

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own limits"),
    pytest.mark.django_db(transaction=True),
]

POOL, THREADS = 2, 8


def in_a_process(code, **variables):
    """What Python prints that runs `code` on the tests' database."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url()} | variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


class Web:
    """A web server, asked over HTTP."""

    def __init__(self, port):
        self.port = port

    def ask(self, path, body=None, headers=None):
        """Status, headers and text of the answer, and how many seconds it took."""
        started = time.monotonic()
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
        asking.request("POST" if body else "GET", path, json.dumps(body) if body else None, sent)
        answer = asking.getresponse()
        text = answer.read().decode()
        asking.close()
        return answer.status, answer.headers, text, time.monotonic() - started


@pytest.fixture
def serve(transactional_db, active_model):
    """Starts the product's web server on the tests' database, with the limits given."""
    running = []

    def start(**limits):
        port = free_port()
        arguments = web_server.arguments("127.0.0.1", port, workers=1, threads=THREADS)
        command = [sys.executable, "-m", *arguments]
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "DATABASE_POOL_SIZE": str(POOL),
            **limits,
        }
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        web = Web(port)
        until(lambda: web.ask("/health")[0] == 200, patience=20, alive=running)
        return web

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


@pytest.fixture
def locked():
    """Someone keeps the table of predictions to himself until the test ends."""
    with psycopg.connect(database_url()) as other:
        other.execute("LOCK TABLE predictions_prediction IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@pytest.mark.parametrize(
    "limits",
    [
        {"DATABASE_STATEMENT_SECONDS": "1", "DATABASE_LOCK_SECONDS": "0"},
        {"DATABASE_STATEMENT_SECONDS": "0", "DATABASE_LOCK_SECONDS": "1"},
    ],
    ids=["a statement that takes too long", "a lock that is not given"],
)
def test_what_takes_too_long_is_given_up_with_a_sentence(
    serve, alice, dave, client, locked, limits
):
    web = serve(**limits)
    client.force_login(alice)
    cookie = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}

    status, headers, text, took = web.ask("/api/v1/predict/attrition", EMPLOYEE, bearer(dave))
    assert (status, json.loads(text)["detail"]) == (
        503,
        "This took the database too long, and it was given up. Nothing was recorded.",
    )
    assert int(headers["Retry-After"]) > 0
    assert 0.9 < took < 5

    status, headers, text, _ = web.ask("/predictions/", headers=cookie)
    assert status == 503
    assert "This took the database too long" in text
    assert web.ask("/accounts/login/")[0] == 200  # what needs no such table goes on


def test_few_connections_serve_many_requests(serve, dave):
    web = serve()
    sent = {**EMPLOYEE}
    token = bearer(dave)
    with ThreadPoolExecutor(THREADS) as callers:
        answers = [
            callers.submit(web.ask, "/api/v1/predict/attrition", sent, token) for _ in range(60)
        ]
        statuses = {answer.result()[0] for answer in answers}
    assert statuses == {201}
    assert Prediction.objects.count() == 60
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] <= POOL


SHOW = """
from django.db import connection
with connection.cursor() as cursor:
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SHOW {name}")
        print(*cursor.fetchone())
"""


def test_web_processes_are_limited_and_others_are_not():
    import_wsgi = "from attrition_site.wsgi import application\n"
    web = in_a_process(import_wsgi + SHOW)
    assert web.split() == ["10s", "5s", "1min"]
    given = {"DATABASE_STATEMENT_SECONDS": "3", "DATABASE_LOCK_SECONDS": "2"}
    assert in_a_process(import_wsgi + SHOW, **given).split() == ["3s", "2s", "1min"]
    set_up = "import os, django\nos.environ.setdefault('DJANGO_SETTINGS_MODULE',"
    set_up += "'attrition_site.settings')\ndjango.setup()\n"
    limits = {"DATABASE_STATEMENT_SECONDS": "1", "DATABASE_IDLE_TRANSACTION_SECONDS": "1"}
    assert in_a_process(set_up + SHOW, **limits).split() == ["0", "0", "0"]


STAND_STILL = """
import time
from attrition_site.wsgi import application
from django.db import DatabaseError, connection, transaction
try:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE predictions_prediction IN ACCESS EXCLUSIVE MODE")
        time.sleep(1.5)
        cursor.execute("SELECT 1")
except DatabaseError as error:
    print(type(error.__cause__).__name__)
"""


def test_a_process_that_stands_still_in_a_transaction_holds_its_locks_no_longer():
    said = in_a_process(STAND_STILL, DATABASE_IDLE_TRANSACTION_SECONDS="1")
    assert said == "IdleInTransactionSessionTimeout"
