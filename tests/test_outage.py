"""When the database goes away: nothing is shown that was not recorded, and work resumes by itself.

A real PostgreSQL is stopped and started under a real server.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time

import pytest

from tests.conftest import EMPLOYEE
from tests.postgres import stoppable_server
from tests.test_run import free_port

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
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.ask("/health")[0].status == 200:
                    return
            time.sleep(0.1)
        raise AssertionError("the site did not become healthy")


@pytest.fixture(scope="module")
def outage(tmp_path_factory):
    """The site on a server of its own, and that server."""
    import psycopg

    from attrition_site.run import web_server

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

        def query(sql):
            with psycopg.connect(database.url) as connection:
                return connection.execute(sql).fetchone()[0]

        port = free_port()
        command = [sys.executable, "-m", *web_server("127.0.0.1", port)]
        server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        site = Site(port, query)
        try:
            site.until_healthy()
            yield site, database
        finally:
            server.terminate()
            server.wait(20)


def test_the_database_goes_away_and_comes_back(outage):
    site, database = outage
    password = os.environ.get("DEMO_PASSWORD", "attrition-demo")
    _, tokens, _ = site.ask("/api/v1/auth/token", {"username": "api", "password": password})
    token = tokens["access"]
    answer, first, _ = site.ask("/api/v1/predict/attrition", EMPLOYEE, token)
    assert answer.status == 201

    database.stop()
    try:
        answer, health, took = site.ask("/health")
        assert answer.status == 503
        assert took < 2
        assert health["status"] == "unhealthy"
        assert health["database_connected"] is False

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
    answer, second, _ = site.ask("/api/v1/predict/attrition", EMPLOYEE, token)
    assert answer.status == 201
    assert second["probability"] == first["probability"]
    # Each answer has its record, and each record its answer.
    assert site.query("SELECT count(*) FROM predictions_prediction") == 2
