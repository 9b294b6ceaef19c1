"""When the database goes away: nothing is shown that was not recorded, and work resumes by itself.

A real PostgreSQL is stopped and started under a real server.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import EMPLOYEE
from tests.postgres import stoppable_server
from tests.processes import free_port, until

pytestmark = pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"),
    reason="runs with the suite on PostgreSQL",
)


class Site:
    """The running product, asked over HTTP."""

    def __init__(self, port, query):
        self.port = port
        self.query = query

    def ask(self, path, body=None, token=None):
        """Status, headers and JSON of the answer, and how many seconds it took."""
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        with contextlib.closing(connection):
            method = "GET" if body is None else "POST"
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            content = answer.read()
        took = time.monotonic() - started
        kind = answer.headers.get("Content-Type", "")
        return answer, json.loads(content) if "json" in kind else content.decode(), took

    def until_healthy(self, patience=20):
        until(lambda: self.ask("/health")[0].status == 200, patience=patience)

    def until_assessed(self, token, patience=20):
        """What is answered once a prediction is: of two workers, one finds its way back later."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            answer, body, _ = self.ask("/api/v1/predict/attrition", EMPLOYEE, token)
            if answer.status == 201:
                return body
            assert answer.status == 503
            time.sleep(0.1)
        raise AssertionError("the site did not assess again")


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    """The site on a server of its own, and that server."""
    import psycopg

    from attrition_site.serving import web_server

    with stoppable_server(fast=True) as database:
        environment = os.environ | {
            "DATABASE_URL": database.url,
            "VAR_DIR": str(tmp_path_factory.mktemp("var")),
        }
        for command in ("migrate", "register_bundled_model", "make_demo_accounts"):
            subprocess.run(
                [sys.executable, "manage.py", command],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )

        def query(sql, *values):
            with psycopg.connect(database.url) as connection:
                return connection.execute(sql, values).fetchone()[0]

        port = free_port()
        command = [sys.executable, "-m", *web_server.arguments("127.0.0.1", port)]
        server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        site = Site(port, query)
        try:
            site.until_healthy()
            yield site, database
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture(scope="module")
def token(outage):
    """What the API's caller has from before."""
    password = os.environ.get("DEMO_PASSWORD", "attrition-demo")
    _, tokens, _ = outage[0].ask("/api/v1/auth/token", {"username": "api", "password": password})
    return tokens["access"]


def test_the_database_goes_away_and_comes_back(outage, token):
    site, database = outage
    answer, first, _ = site.ask("/api/v1/predict/attrition", EMPLOYEE, token)
    assert answer.status == 201

    database.stop()
    try:
        answer, health, took = site.ask("/health")
        assert answer.status == 503
        assert took < 2
        assert health["status"] == "unhealthy"
        assert health["database_connected"] is False
        answer, ready, took = site.ask("/health/ready")
        assert (answer.status, ready["database"]) == (503, False)
        assert took < 2
        assert site.ask("/health/live")[0].status == 200

        answer, problem, took = site.ask("/api/v1/predict/attrition", EMPLOYEE, token)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert "probability" not in problem
        assert took < 5

        answer, page, _ = site.ask("/accounts/login/")
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        assert "Not available just now" in page
    finally:
        database.start()

    site.until_healthy()
    second = site.until_assessed(token)
    assert second["probability"] == first["probability"]
    # Each answer has its record, and each record its answer.
    assert site.query("SELECT count(*) FROM predictions_prediction") == 2


@contextlib.contextmanager
def hanging(site):
    """The server of the database takes connections and says nothing, as on a disk that is stuck."""
    file = Path(site.query("SHOW data_directory")) / "postmaster.pid"
    postmaster = psutil.Process(int(file.read_text().splitlines()[0]))
    stopped = []
    try:
        # The first begets the others: once it stands still, there are no more of them.
        postmaster.send_signal(signal.SIGSTOP)
        stopped.append(postmaster)
        for process in postmaster.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
                stopped.append(process)
        yield
    finally:
        for process in reversed(stopped):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def test_the_database_hangs_and_goes_on(outage, token):
    site, _ = outage
    site.until_healthy()
    answers = []

    def assess():
        with contextlib.suppress(OSError):
            answer, body, _ = site.ask("/api/v1/predict/attrition", EMPLOYEE, token)
            answers.append((answer.status, body))

    asking = [threading.Thread(target=assess) for _ in range(2)]
    with hanging(site):
        for thread in asking:
            thread.start()
        for _ in range(3):
            answer, health, took = site.ask("/health")
            assert answer.status == 503
            assert took < 2
            assert health["database_connected"] is False
        answer, ready, took = site.ask("/health/ready")
        assert (answer.status, ready["database"]) == (503, False)
        assert took < 2
        answer, _, took = site.ask("/health/live")
        assert answer.status == 200
        assert took < 1
        assert {status for status, _ in answers} <= {503}
    for thread in asking:
        thread.join()

    site.until_healthy()
    answers.append((201, site.until_assessed(token)))
    for status, body in answers:
        if status == 201:
            stored = site.query(
                "SELECT probability FROM predictions_prediction WHERE id = %s",
                body["prediction_id"],
            )
            assert stored == body["probability"]
        else:
            assert "probability" not in body
