"""Serves everything on this machine with one command: `make run`.

Prepares the database, then starts the web server and the background worker, and stops both
together. In development and in a demonstration it also makes the demo accounts and the demo
workforce; a demonstration begins with an empty database each time.
"""

from __future__ import annotations

import argparse
import contextlib
import http
import os
import signal
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

from attrition_site.serving import preparation, web_server
from attrition_site.serving.first_process import STOP_SIGNALS, end_with_parent
from attrition_site.serving.preparation import CannotServeError, say

BASE_DIR = Path(__file__).resolve().parent.parent

# How long, in seconds, the servers have to answer once started, and to end once asked to.
START_PATIENCE = 60.0
STOP_PATIENCE = 6.0


class Interrupted(BaseException):
    """Someone asked to stop while the database was being prepared."""


# ------------------------------------------------------------------ processes


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
        for number in STOP_SIGNALS:
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


def prepare() -> None:
    """Bring the database to where the servers can start. What is done already is not redone."""
    if settings.DEMO:
        throw_away(Path(settings.DATABASES["default"]["NAME"]))
    django.setup()
    from attrition_site import checks

    checks.refuse_to_start()
    say("Preparing the database…")
    # `migrate` itself takes half a second to say that there is nothing to do.
    if preparation.waiting_migrations() or append_only_is_missing():
        preparation.migrate(verbosity=0)
    else:
        call_command("register_bundled_model", verbosity=0)
    if settings.DEVELOPMENT or settings.DEMO:
        say("Making the demo accounts and the demo workforce…")
        # A password that was asked for must be the one that works, for accounts of before too.
        call_command(
            "make_demo_accounts", reset_passwords="DEMO_PASSWORD" in os.environ, verbosity=0
        )
        call_command("make_demo_workforce", verbosity=0)
    else:
        say(f"No demo accounts and no demo workforce in {settings.ENVIRONMENT}.")
    # Where nobody may write, an image has them baked in.
    if not settings.DEVELOPMENT and os.access(settings.STATIC_ROOT, os.W_OK):
        call_command("collectstatic", interactive=False, verbosity=0)
    close_connections()


def throw_away(database: Path) -> None:
    """Remove the database of the demonstration before, with all that its visitors entered."""
    for file in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
        file.unlink(missing_ok=True)


def append_only_is_missing() -> bool:
    """Whether a table lacks the triggers that keep its records; `migrate` puts them in place."""
    from mlcore import append_only

    return bool(append_only.unguarded(connection))


def close_connections() -> None:
    """Give back every connection: the servers are forked from here, and have their own."""
    connections.close_all()


# ------------------------------------------------------------------ serving


def start(servers: Servers, host: str, port: int) -> None:
    patience = int(STOP_PATIENCE / 2)
    servers.start("The web server", *web_server.arguments(host, port, stop_patience=patience))
    servers.start("The background worker", "django", "qcluster")


def wait_until_ready(servers: Servers, stop: StopRequest, authority: str) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while (status := web_server.health(authority)) != http.HTTPStatus.OK:
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
    authority = web_server.address(host, port)
    # Passwords are slow to check by design; the servers are busy importing meanwhile.
    demo = demo_lines() if settings.DEVELOPMENT or settings.DEMO else []
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
            host, port = settings.HOST, settings.PORT
            web_server.refuse_taken_port(host, port)
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
