"""The product as it is measured: a fresh database, one program that may assess, the web server."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import children
from tests.postgres import postgres_server

USERNAME = "benchmark"
START_PATIENCE = 60.0


class BenchmarkError(Exception):
    """Why nothing can be measured, in words for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A prepared database. Django is set up for it in this process too."""

    password: str
    """Of the program that asks."""

    def sign_in(self, host: str, port: int) -> str:
        """A token that the product's API gives the program."""
        known = {"username": USERNAME, "password": self.password}
        token: str = ask(host, port, "/api/v1/auth/token", known)["access"]
        return token

    def records(self) -> int:
        """How many predictions are in the database."""
        from predictions.models import Prediction

        return Prediction.objects.count()

    def database_facts(self) -> str:
        """The database's version, and what it does before it says that something is stored."""
        (version,) = _row("SHOW server_version")
        (fsync,) = _row("SHOW fsync")
        (commit,) = _row("SHOW synchronous_commit")
        return f"PostgreSQL {version.split()[0]}, fsync {fsync}, synchronous_commit {commit}"

    def database_processes(self) -> list[int]:
        """The database's processes, those that serve connections included."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            return [pid for (pid,) in cursor.fetchall()]


@dataclass(frozen=True, kw_only=True)
class Server:
    """A web server that answers."""

    address: tuple[str, int]
    token: str
    """For the header of requests, as the API gave it."""
    workers: list[int]
    """The processes that answer requests."""
    starting: float
    """Seconds from the command to the first answer."""

    @property
    def authority(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"


_THROTTLES = [
    f"THROTTLE_{name}" for name in ("ADDRESS", "USER", "EMPLOYEES", "SIGN_IN", "ASSESS", "FILES")
]


@contextlib.contextmanager
def installation() -> Iterator[Installation]:
    """Everything of it is gone when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="attrition-benchmark-") as folder,
        postgres_server() as url,
    ):
        # What `make run` starts with nothing configured, but for the database. A developer's .env
        # cannot change these.
        os.environ.update(
            DATABASE_URL=url,
            VAR_DIR=folder,
            TMPDIR=folder,  # of the processes that are started: a worker leaves its sign of life
            ATTRITION_ENV="development",
            DEBUG="false",
            LOG_LEVEL="WARNING",
            DJANGO_SETTINGS_MODULE="attrition_site.settings",
            # One visitor asks as much as many do: everything is counted, and nothing refused.
            **dict.fromkeys(_THROTTLES, "1000000000"),
        )
        try:
            yield _prepared()
        finally:
            _close_connections()


def _prepared() -> Installation:
    import django
    from django.core.management import call_command

    django.setup()
    from accounts.models import User
    from accounts.roles import Role, assign_role

    call_command("migrate", interactive=False, verbosity=0)
    call_command("register_bundled_model", verbosity=0, stdout=io.StringIO())
    password = secrets.token_urlsafe(20)
    assign_role(User.objects.create_user(USERNAME, password), Role.API)
    return Installation(password=password)


def _close_connections() -> None:
    from attrition_site.run import close_connections

    close_connections()


def _row(sql: str) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


@contextlib.contextmanager
def serving(place: Installation, *, workers: int) -> Iterator[Server]:
    """The web server, started as the product starts it; it has ended when the block has."""
    from attrition_site.run import Servers
    from attrition_site.serving import web_server

    host, port = "127.0.0.1", free_port()
    _close_connections()  # a fork must not take a connection's threads along
    servers = Servers()
    try:
        begun = time.perf_counter()
        pid = servers.start("The web server", *web_server.arguments(host, port, workers=workers))
        _wait_until_healthy(servers, host, port)
        starting = time.perf_counter() - begun
        token = place.sign_in(host, port)
        yield Server(address=(host, port), token=token, workers=children(pid), starting=starting)
    finally:
        servers.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(servers: Any, host: str, port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while True:
        if ended := servers.ended():
            raise BenchmarkError(ended)
        with contextlib.suppress(OSError, BenchmarkError):
            ask(host, port, "/api/v1/health")
            return
        if time.monotonic() > deadline:
            raise BenchmarkError(f"The web server did not answer within {START_PATIENCE:.0f} s.")
        time.sleep(0.05)


def ask(host: str, port: int, path: str, body: Any = None) -> Any:
    """The JSON that is answered. Raises `BenchmarkError` when that is a refusal."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(
            "GET" if body is None else "POST",
            path,
            None if body is None else json.dumps(body),
            {"Content-Type": "application/json"},
        )
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise BenchmarkError(f"{path} answered {response.status}: {content[:500]!r}")
    return json.loads(content)


def employees() -> list[dict[str, Any]]:
    """The 1,470 employees of the public file, as a program would send them."""
    from mlcore import registry
    from mlcore.engine.tabular import match_columns
    from mlcore.public_data import ibm_columns

    columns = ibm_columns()
    headers = match_columns(list(columns), registry.active().schema).headers
    named = {name: columns[header] for name, header in headers.items()}
    return [dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True)]
