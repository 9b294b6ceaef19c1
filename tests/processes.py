"""What tests need that run the product's processes: a port, a database of its own, patience."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import sqlite3
import time

PATIENCE = 60  # seconds; only a failure takes that long


def until(holds, *, patience=PATIENCE, alive=(), said=str):
    """Wait for something to be so. Who does not answer yet is asked again.

    It fails, with what was `said`, when that takes too long or a process is not `alive` any more.
    """
    deadline = time.monotonic() + patience
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        assert all(process.poll() is None for process in alive), said()
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def fresh_database(tmp_path):
    """The URL of an empty database on the server under test, and a function that queries it."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        file = tmp_path / "run.sqlite3"

        def query(sql):
            with contextlib.closing(sqlite3.connect(file)) as connection:
                return connection.execute(sql).fetchall()

        yield f"sqlite:///{file}", query
        return

    import psycopg

    name = f"attrition_run_{os.getpid()}"
    server, _, options = url.partition("?")
    own_url = f"{server.rpartition('/')[0]}/{name}?{options}"

    def query(sql):
        with psycopg.connect(own_url) as connection:
            return connection.execute(sql).fetchall()

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield own_url, query
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
