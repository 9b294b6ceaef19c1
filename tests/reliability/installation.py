"""The product as it is put to work, on a database of its own, for who wants to break it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
from django.conf import settings

from accounts.demo import PUBLISHED_PASSWORD
from attrition_site.serving import web_server
from tests.processes import free_port, until

ASSESS = "/api/v1/predict/attrition"
TOKEN_LASTS = 300  # seconds; the product's own last twice as long

_THROTTLES = ("ADDRESS", "USER", "EMPLOYEES", "SIGN_IN", "ASSESS", "FILES")


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A database that is ready to be served."""

    folder: Path
    """What the processes write goes here."""
    database_url: str
    environment: Mapping[str, str]
    """Of every process of this installation."""

    def run(self, *command: str) -> None:
        """`python command…` to its end. Raises CalledProcessError."""
        subprocess.run(
            [sys.executable, *command],
            cwd=settings.BASE_DIR,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of the answer, asked over a connection of its own."""
        if self.database_url.startswith("sqlite:///"):
            file = self.database_url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(file)) as connection, connection:
                return connection.execute(sql.replace("%s", "?"), values).fetchall()
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(sql, values).fetchall()

    def records(self) -> dict[str, float]:
        """The probability of every prediction that is recorded, by the prediction's id."""
        return {
            str(UUID(str(key))): probability
            for key, probability in self.query("SELECT id, probability FROM predictions_prediction")
        }


@contextlib.contextmanager
def installed(folder: Path, database_url: str, **environment: str) -> Iterator[Installed]:
    """Tables, the bundled model and one account for each role, as a first start makes them."""
    place = Installed(
        folder=folder,
        database_url=database_url,
        environment={
            **os.environ,
            "ATTRITION_ENV": "development",
            "DATABASE_URL": database_url,
            "VAR_DIR": str(folder),
            "TMPDIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "attrition_site.settings",
            "DEMO_PASSWORD": PUBLISHED_PASSWORD,
            # One program asks as much as many do.
            **{f"THROTTLE_{name}": "0" for name in _THROTTLES},
            **environment,
        },
    )
    place.run("-m", "attrition_site.serve", "migrate")
    place.run("manage.py", "make_demo_accounts")
    yield place


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back, and how many seconds that took."""

    status: int
    headers: http.client.HTTPMessage
    body: Any
    """What the JSON says, or the text of anything else."""
    seconds: float


def exchange(
    connection: http.client.HTTPConnection, path: str, body: Any = None, token: str = ""
) -> Answer:
    """Ask over an open connection, in JSON. Raises OSError or HTTPException when it breaks."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    began = time.monotonic()
    connection.request(
        "GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers
    )
    response = connection.getresponse()
    content = response.read()
    return Answer(
        status=response.status,
        headers=response.headers,
        body=json.loads(content)
        if "json" in response.headers.get("Content-Type", "")
        else content.decode(),
        seconds=time.monotonic() - began,
    )


@dataclass(kw_only=True)
class Web:
    """A web server that runs, asked over HTTP."""

    port: int
    process: subprocess.Popen[bytes]
    """The one that starts the workers."""
    _log: Path
    _token: str = field(default="", init=False)
    _token_since: float = field(default=0.0, init=False)

    @property
    def token(self) -> str:
        """Of the account that uses the API: one that does not end before what is being tried."""
        if not self._token or time.monotonic() - self._token_since > TOKEN_LASTS:
            self._token, self._token_since = self.sign_in(), time.monotonic()
        return self._token

    def sign_in(self) -> str:
        """A new access token of that account."""
        who = {"username": "api", "password": PUBLISHED_PASSWORD}
        answer = self.ask("/api/v1/auth/token", who)
        assert answer.status == 200, answer
        return str(answer.body["access"])

    def ask(self, path: str, body: Any = None, token: str = "", timeout: float = 20) -> Answer:
        """Over a connection of its own. Raises OSError or HTTPException when that breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            return exchange(connection, path, body, token)

    def workers(self) -> list[int]:
        """The processes that answer requests, the oldest first."""
        found = psutil.Process(self.process.pid).children()
        return [child.pid for child in sorted(found, key=lambda child: child.create_time())]

    def connections(self) -> dict[int, int]:
        """How many connections each worker holds to those who ask it."""
        return {
            pid: sum(
                1
                for one in psutil.Process(pid).net_connections("tcp")
                if one.laddr.port == self.port and one.status == psutil.CONN_ESTABLISHED
            )
            for pid in self.workers()
        }

    def until_healthy(self, patience: float = 60) -> None:
        until(
            lambda: self.ask("/health").status == 200,
            patience=patience,
            alive=[self.process],
            said=self.errors,
        )

    def errors(self) -> str:
        """What it has written to its stderr so far."""
        return self._log.read_text(errors="replace")


@contextlib.contextmanager
def serving(
    place: Installed,
    *,
    workers: int = 2,
    threads: int = 4,
    command_prefix: Sequence[str] = (),
    **environment: str,
) -> Iterator[Web]:
    """The web server, started as the product starts it; every process of it ends with the block.

    `command_prefix` is a program that runs it, with that program's arguments.
    """
    port = free_port()
    log = place.folder / f"web-{port}.log"
    command = web_server.arguments("127.0.0.1", port, workers=workers, threads=threads)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command_prefix, sys.executable, "-m", *command],
            cwd=settings.BASE_DIR,
            env={**place.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
        )
    web = Web(port=port, process=process, _log=log)
    try:
        web.until_healthy()
        yield web
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        # Whatever it left behind; one that was stopped by a signal does not end by itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
