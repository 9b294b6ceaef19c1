"""Serves everything on this machine with one command: `make run`.

Prepares the database, then starts the web server and the background worker, and stops both
together. In development it also makes the demo accounts and the demo workforce.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections

BASE_DIR = Path(__file__).resolve().parent.parent

# How long, in seconds, the servers have to answer once started, and to end once asked to.
START_PATIENCE = 60.0
STOP_PATIENCE = 6.0

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


class CannotServeError(Exception):
    """Why this cannot go on, in words for the person at the terminal."""


class Interrupted(BaseException):
    """Someone asked to stop while the database was being prepared."""


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# ------------------------------------------------------------------ processes


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies, however it dies. Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Servers:
    """The processes that serve. Each leads a process group, so its own children end with it.

    A group also keeps the terminal's Ctrl-C from reaching them: we alone say when they stop.
    """

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> int:
        """Start a module with arguments, and give its process's id."""
        process = self._processes[name] = subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", *arguments],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        return process.pid

    def ended(self) -> str:
        """What a server that ended by itself deserves to have said, or an empty text."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                return f"{name} ended by itself (status {process.returncode})."
        return ""

    def stop(self) -> None:
        """End every process; whatever is left of a group after that is killed."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_PATIENCE
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()

    def kill(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


class StopRequest:
    """Remembers the first signal to stop; the second one kills at once."""

    def __init__(self, servers: Servers) -> None:
        self.made = False
        self._servers = servers
        # While the database is prepared a signal must break in; while servers start, it must
        # not, or one could be started and never recorded.
        self._breaks_in = False
        for number in _STOP_SIGNALS:
            signal.signal(number, self._receive)

    @contextlib.contextmanager
    def breaking_in(self) -> Iterator[None]:
        self._breaks_in = True
        try:
            if self.made:
                raise Interrupted
            yield
        finally:
            self._breaks_in = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.made:
            self._servers.kill()
        self.made = True
        if self._breaks_in:
            self._breaks_in = False
            raise Interrupted


# ------------------------------------------------------------------ preparation


def where() -> tuple[str, int]:
    """Host and port to serve on, from the environment or the .env file that the settings read."""
    _ = settings.ENVIRONMENT
    host = os.environ.get("HOST", "127.0.0.1")
    port = os.environ.get("PORT", "8000")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise CannotServeError(f"PORT is {port!r}: set it to a number from 1 to 65535.")
    return host, int(port)


def refuse_taken_port(host: str, port: int) -> None:
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise CannotServeError(
            f"Cannot serve on {host}, port {port}: {error.strerror}.\n"
            f"Stop what uses it, or choose another: make run PORT={port % 65535 + 1}"
        ) from error


def needs_migration() -> bool:
    """Whether a migration is waiting, or a guard that `migrate` puts in place is missing.

    `migrate` itself takes half a second to say so.
    """
    from django.db.migrations.executor import MigrationExecutor

    from mlcore import append_only

    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return bool(waiting or append_only.unguarded(connection))


def prepare() -> None:
    """Bring the database to where the servers can start. What is done already is not redone."""
    django.setup()
    say("Preparing the database…")
    if needs_migration():
        call_command("migrate", interactive=False, verbosity=0)
    say("Registering the model…")
    call_command("register_bundled_model", verbosity=0)
    if settings.DEVELOPMENT:
        say("Making the demo accounts and the demo workforce…")
        # A password that was asked for must be the one that works, for accounts of before too.
        call_command(
            "make_demo_accounts", reset_passwords="DEMO_PASSWORD" in os.environ, verbosity=0
        )
        call_command("make_demo_workforce", verbosity=0)
    else:
        say(f"No demo accounts and no demo workforce in {settings.ENVIRONMENT}.")
        call_command("collectstatic", interactive=False, verbosity=0)
    close_connections()


def close_connections() -> None:
    """Give back every connection: the servers are forked from here, and have their own."""
    connections.close_all()


# ------------------------------------------------------------------ serving


def web_server(host: str, port: int, *, workers: int = 2) -> list[str]:
    """The module and arguments that serve the pages and the API; the benchmarks measure these."""
    return [
        "gunicorn",
        "attrition_site.wsgi",
        f"--bind={_bracketed(host)}:{port}",
        f"--workers={workers}",
        "--worker-class=gthread",
        "--threads=4",
        "--keep-alive=30",
        f"--graceful-timeout={int(STOP_PATIENCE / 2)}",
        "--log-level=warning",
        "--no-control-socket",
        # Each worker listens for itself and the kernel deals connections out. Workers that share
        # one socket race for it, and often one gets all of a client's connections.
        *(["--reuse-port"] if sys.platform == "linux" else []),
    ]


def start(servers: Servers, host: str, port: int) -> None:
    servers.start("The web server", *web_server(host, port))
    servers.start("The background worker", "django", "qcluster")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the pages."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"{_bracketed(reachable)}:{port}"


def health(authority: str) -> int:
    """The status that `/health` answers with; 0 while nothing listens."""
    # Outside development the site knows only its own names.
    known = [name for name in settings.ALLOWED_HOSTS if name != "*"]
    headers = {"Host": known[0].removeprefix(".")} if known else {}
    asking = http.client.HTTPConnection(authority, timeout=5)
    try:
        asking.request("GET", "/health", headers=headers)
        return asking.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        asking.close()


def wait_until_ready(servers: Servers, stop: StopRequest, authority: str) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while (status := health(authority)) != http.HTTPStatus.OK:
        if stop.made:
            return
        if ended := servers.ended():
            raise CannotServeError(ended)
        if time.monotonic() > deadline:
            raise CannotServeError(
                f"http://{authority}/health "
                + (f"answers {status}" if status else "does not answer")
                + f" after {START_PATIENCE:.0f} seconds."
            )
        time.sleep(0.05)


def demo_lines() -> list[str]:
    """The demo accounts as a table. A password that no longer works is not shown."""
    from accounts.demo import demo_accounts
    from accounts.models import User

    rows = [("Sign in as", "Role", "Password")]
    for username, role in demo_accounts():
        works = User.objects.get(username=username).check_password(settings.DEMO_PASSWORD)
        rows.append(
            (username, str(role.label), settings.DEMO_PASSWORD if works else "(was changed)")
        )
    close_connections()
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"  {name:{widths[0]}}   {role:{widths[1]}}   {word}" for name, role, word in rows]


def welcome(authority: str, demo: list[str]) -> None:
    say()
    say(f"Ready: http://{authority}/")
    if demo:
        say()
        for line in demo:
            say(line)
    say()
    say(f"  API documentation   http://{authority}/api/v1/docs")
    say(f"  Administration      http://{authority}/admin/")
    say()
    say("Ctrl-C stops everything.")


def serve(servers: Servers, stop: StopRequest, host: str, port: int) -> None:
    """Serve until someone asks to stop; refuse to go on with half of the servers."""
    say("Starting the servers…")
    start(servers, host, port)
    authority = address(host, port)
    # Passwords are slow to check by design; the servers are busy importing meanwhile.
    demo = demo_lines() if settings.DEVELOPMENT else []
    wait_until_ready(servers, stop, authority)
    if not stop.made:
        welcome(authority, demo)
    while not stop.made:
        if ended := servers.ended():
            raise CannotServeError(ended)
        time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started this ends"
    )
    if parser.parse_args().with_parent:
        end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
    servers = Servers()
    stop = StopRequest(servers)
    try:
        with stop.breaking_in():
            host, port = where()
            refuse_taken_port(host, port)
            prepare()
        serve(servers, stop, host, port)
    except Interrupted:
        pass
    except (CannotServeError, CommandError, ImproperlyConfigured, DatabaseError) as error:
        if not stop.made:
            refused = "The database refused: " if isinstance(error, DatabaseError) else ""
            sys.stderr.write(f"\n{refused}{str(error).strip()}\n")
            servers.stop()
            return 1
    say("\nStopping…")
    servers.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
