"""PostgreSQL's own tools make the dump and read it; the way back is one transaction of ours.

`pg_restore` turns the dump into SQL, and our own connection runs it: so the rows are counted and
predictions computed again before anything holds, and until then everyone sees what was there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from predictions.backups import state
from predictions.backups.archive import Backup, BackupError, Draft

MEMBER = "database.dump"
_LOCK_SECONDS = 10
_COPIED_AT_ONCE = 1 << 17  # bytes
# What libpq knows by variables; the password is then in no process list.
_VARIABLES = {
    "dbname": "PGDATABASE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
    "gssencmode": "PGGSSENCMODE",
}
_COPY = re.compile(rb"COPY \S+ \(.*\) FROM stdin;\n")
_SETTINGS = (b"SET ", b"SELECT pg_catalog.set_config(", b"--", b"\\restrict ", b"\\unrestrict ")
# A word to psql, and a setting that servers before 17 do not have.
_NOT_FOR_US = re.compile(r"^(?:\\(?:un)?restrict .*|SET transaction_timeout = 0;)$", re.MULTILINE)


def tool(name: str) -> tuple[str, int]:
    """Where one of PostgreSQL's programs is, and its major version. Raises `BackupError`."""
    if (path := shutil.which(name)) is None:
        raise BackupError(
            f"{name} is not on the PATH. Install PostgreSQL's client programs"
            " (Debian: postgresql-client)."
        )
    said = subprocess.run(  # noqa: S603 (PostgreSQL's own program)
        [path, "--version"], capture_output=True, text=True, check=False
    ).stdout
    if not (found := re.search(r"\(PostgreSQL\) (\d+)", said)):
        raise BackupError(f"{path} does not say which version of PostgreSQL it is of.")
    return path, int(found[1])


def recent_tool(name: str, least: int, because: str) -> tuple[str, int]:
    """As `tool`, refusing one that is older than `least`."""
    path, version = tool(name)
    if version < least:
        raise BackupError(
            f"{path} is of PostgreSQL {version}, and {because} {least}. Install the client"
            f" programs of PostgreSQL {least} or newer (Debian: postgresql-client-{least}), and put"
            " their folder first on the PATH."
        )
    return path, version


def server_version(connection: BaseDatabaseWrapper) -> tuple[int, str]:
    """The server's major version, and all of it in words."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        said = str(cursor.fetchone()[0])
    return int(re.split(r"\D", said, maxsplit=1)[0]), said


def environment(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """How PostgreSQL's programs reach this database: never by their command lines."""
    parameters: dict[str, Any] = connection.get_connection_params()
    ours = {
        variable: str(parameters[name])
        for name, variable in _VARIABLES.items()
        if parameters.get(name) not in (None, "")
    }
    return {**os.environ, **ours}


@contextlib.contextmanager
def snapshot(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """One moment of the database, by the name under which another connection can see it too."""
    with transaction.atomic(using=connection.alias):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot(), current_schema()")
            name, schema = cursor.fetchone()
        if schema is None:
            raise BackupError("The database has no schema that its user may look into.")
        yield str(name)


def _schema(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return str(cursor.fetchone()[0] or "public")


def dump(connection: BaseDatabaseWrapper, moment: str, program: str, draft: Draft) -> None:
    """Write what the database held at a moment, as PostgreSQL's custom format."""
    command = [
        program,
        "--format=custom",
        "--no-password",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--no-tablespaces",
        f"--schema={_schema(connection)}",
        f"--snapshot={moment}",
        # Rather no backup than everyone waiting behind one that waits for a migration.
        f"--lock-wait-timeout={_LOCK_SECONDS}s",
        *(f"--exclude-table-data={name}" for name in state.LEFT_OUT),
    ]
    with (
        _running(command, environment(connection)) as (process, ended),
        draft.member(MEMBER, packed=True),
    ):
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        draft.copy(process.stdout)
        ended()


@contextlib.contextmanager
def _running(
    command: list[str], environment: dict[str, str] | None = None, source: IO[bytes] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """A program whose output is read, and what raises `BackupError` if it did not end well."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 (PostgreSQL's own program)
            command,
            env=environment,
            stdin=subprocess.PIPE if source else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        feeding = threading.Thread(target=_feed, args=(process, source)) if source else None

        def ended() -> None:
            if process.wait() != 0:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip()
                raise BackupError(f"{command[0]} gave up: {said or process.returncode}")

        try:
            if feeding:
                feeding.start()
            yield process, ended
        finally:
            if process.poll() is None:
                process.kill()
            if process.stdout:
                process.stdout.close()
            process.wait()
            if feeding:
                feeding.join()


def _feed(process: subprocess.Popen[bytes], source: IO[bytes]) -> None:
    # It may have read enough before the end.
    with contextlib.suppress(BrokenPipeError):
        assert process.stdin is not None  # noqa: S101 (it is a pipe)
        with process.stdin as target:
            shutil.copyfileobj(source, target, 1 << 20)


# ------------------------------------------------------------------ the way back


def restore(connection: BaseDatabaseWrapper, backup: Backup, program: str) -> None:
    """Put the backup in the place of what is there, inside the transaction around this.

    Raises `BackupError` when the database refuses, or when someone is using it.
    """
    schema = _schema(connection)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            cursor.execute("SET LOCAL statement_timeout = 0")
            if names := state.tables(connection):
                quoted = ", ".join(connection.ops.quote_name(name) for name in names)
                cursor.execute(f"DROP TABLE {quoted}")
            cursor.execute("DROP FUNCTION IF EXISTS refuse_change()")
            for section in ("pre-data", "data", "post-data"):
                command = [program, f"--section={section}", f"--schema={schema}", "--no-owner"]
                command += ["--no-privileges", "--no-comments", "--file=-"]
                with (
                    backup.open() as source,
                    _running(command, source=source) as (process, ended),
                ):
                    assert process.stdout is not None  # noqa: S101 (it is a pipe)
                    if section == "data":
                        with connection.wrap_database_errors:
                            _copy(process.stdout, cursor)
                    else:
                        sql = process.stdout.read().decode()
                        ended()
                        cursor.execute(_NOT_FOR_US.sub("", sql))
                    ended()
            # What was run has left the schemas to look into empty.
            cursor.execute("SELECT set_config('search_path', %s, false)", [f'"{schema}"'])
    except DatabaseError as error:
        code = getattr(error.__cause__, "sqlstate", "")
        if code == "55P03":
            raise BackupError(
                "Someone is using the database: stop the web servers and the workers first."
                " Nothing was changed."
            ) from error
        said = str(error).splitlines()[0]  # what follows quotes values
        raise BackupError(f"PostgreSQL refused: {said}. Nothing was changed.") from error


def _copy(lines: IO[bytes], cursor: Any) -> None:
    """Run the part of the SQL that brings the rows; memory stays flat."""
    for line in lines:
        if _COPY.fullmatch(line):
            with cursor.copy(line.decode()) as copy:
                for block in _rows(lines):
                    copy.write(block)
        elif line.startswith(b"SELECT pg_catalog.setval("):
            cursor.execute(line.decode())
        elif line.strip() and not line.startswith(_SETTINGS):
            raise BackupError("The dump holds something that is not rows. Nothing was changed.")


def _rows(lines: IO[bytes]) -> Iterator[bytes]:
    """The rows of one table, up to the line that ends them, some at a time."""
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        if line == b"\\.\n":
            yield b"".join(gathered)
            return
        gathered.append(line)
        size += len(line)
        if size >= _COPIED_AT_ONCE:
            yield b"".join(gathered)
            gathered.clear()
            size = 0
    raise BackupError("The dump ends in the middle of a table. Nothing was changed.")
