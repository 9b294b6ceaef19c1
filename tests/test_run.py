"""`make run`, for real: a database of its own, the servers, and their end."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.processes import free_port, until

BASE_DIR = Path(__file__).resolve().parent.parent
PATIENCE = 90  # seconds; only a failure takes that long


def row_counts(query, url):
    """Rows by table. The queue's own tables come and go by themselves."""
    tables = (
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        if url.startswith("postgres")
        else "SELECT name FROM sqlite_master WHERE type = 'table'"
    )
    return {
        table: query(f'SELECT count(*) FROM "{table}"')[0][0]
        for (table,) in query(tables)
        if table not in {"django_q_ormq", "django_q_task", "sqlite_sequence"}
    }


@contextlib.contextmanager
def running(**variables):
    """Start it, wait until it says that it is ready, and never leave it behind."""
    log = Path(variables["VAR_DIR"], "output.log")
    with log.open("w") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "attrition_site.run"],
            cwd=BASE_DIR,
            env={**os.environ, "ATTRITION_ENV": "development", **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(
            lambda: "Ctrl-C" in log.read_text(),
            patience=PATIENCE,
            alive=[process],
            said=log.read_text,
        )
        yield process, log
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)


def ask(port, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        method = "POST" if body else "GET"
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def assert_all_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=5)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_it_serves_stops_cleanly_and_doubles_nothing(tmp_path, fresh_database):
    port = free_port()
    url, query = fresh_database
    variables = {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": url,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DEMO_PASSWORD": "another-demo-word",
        "WEB_WORKERS": "1",
        "WEB_THREADS": "5",
    }
    with running(**variables) as (process, log):
        servers = process.children()
        everything = process.children(recursive=True)
        assert len(servers) == 2
        [web] = [one for one in servers if "gunicorn" in one.cmdline()]
        assert {"--workers=1", "--threads=5"} <= {*web.cmdline()}
        assert len(everything) > 4  # both have workers of their own
        status, health = ask(port, "/health")
        assert (status, health["model_loaded"], health["database_connected"]) == (
            200,
            True,
            True,
        )
        # What the terminal shows is what works.
        for username in ("hr", "auditor", "admin", "api"):
            assert re.search(rf"^  {username} .* another-demo-word$", log.read_text(), re.M)
        credentials = {"username": "api", "password": "another-demo-word"}
        assert ask(port, "/api/v1/auth/token", credentials)[0] == 200
        assert f"http://127.0.0.1:{port}/api/v1/docs" in log.read_text()

        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        assert_all_gone(everything)
    first = row_counts(query, url)
    assert sum(first.values()) > 1470  # the demo workforce is there

    with running(**variables) as (process, log):
        everything = process.children(recursive=True)
        [worker] = [one for one in process.children() if "qcluster" in one.cmdline()]
        worker.kill()
        assert process.wait(PATIENCE) == 1
        assert "The background worker ended by itself" in log.read_text()
        assert_all_gone(everything)
    assert row_counts(query, url) == first


@pytest.mark.parametrize(
    ("port", "sentence"),
    [("", "make run PORT="), ("eighty", "PORT is 'eighty'"), ("65536", "PORT is '65536'")],
)
def test_a_port_that_cannot_be_had_is_said_before_anything_is_done(tmp_path, port, sentence):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "attrition_site.run"],
            cwd=BASE_DIR,
            env={
                **os.environ,
                "ATTRITION_ENV": "development",
                "VAR_DIR": str(tmp_path),
                "DATABASE_URL": f"sqlite:///{tmp_path}/untouched.sqlite3",
                "HOST": "127.0.0.1",
                "PORT": port or str(taken.getsockname()[1]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert not (tmp_path / "untouched.sqlite3").exists()
