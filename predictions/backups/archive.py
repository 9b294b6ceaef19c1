"""The file that a backup is: the database's own dump, and a manifest that says what is in it.

It is a ZIP archive. Its first member is what PostgreSQL's or SQLite's own tools read, so that it
can be got at without us: `unzip -p FILE database.dump | pg_restore …`. The manifest comes last; a
file without one was never finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import stat
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

_MANIFEST = "manifest.json"
_BLOCK = 1 << 20
FORMAT = 1


class BackupError(Exception):
    """Why there is no backup, or no way back from one, in words for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What was backed up: the same for everything that is read in one moment."""

    product: str
    """The version of the product that made it."""
    made_at: str
    """When, as ISO 8601 in UTC."""
    vendor: str
    """`postgresql` or `sqlite`."""
    server: str
    """The database's version."""
    tool: int
    """The major version of `pg_dump`; 0 for SQLite."""
    migrations: list[str]
    """Those that were applied: `app.name`, sorted."""
    tables: dict[str, int]
    """How many rows each table has."""
    left_out: list[str]
    """Tables whose rows are not in it."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is in a backup, and the hash by which damage is seen."""

    contents: Contents
    member: str
    size: int
    """Of the member, in bytes."""
    sha256: str
    """Of the member."""


@contextlib.contextmanager
def stopping_in_order() -> Iterator[None]:
    """SIGTERM ends the block as an error does: half-written files go, and programs that were begun.

    For commands: signals reach the main thread alone.
    """
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Draft:
    """A backup that is being written: beside its place, readable by its owner alone."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.size = 0
        self._member = ""
        self._hash = hashlib.sha256()

    @contextlib.contextmanager
    def member(self, name: str, *, packed: bool) -> Iterator[Draft]:
        """Write the one member; `packed` when it is compressed already."""
        info = zipfile.ZipInfo(name, time.localtime()[:6])
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        self._member = name
        with self._archive.open(info, "w", force_zip64=True) as target:
            self._target = target
            yield self

    def copy(self, source: IO[bytes]) -> None:
        """Add all that is left to read."""
        while block := source.read(_BLOCK):
            self._target.write(block)
            self._hash.update(block)
            self.size += len(block)

    def finish(self, contents: Contents) -> Manifest:
        manifest = Manifest(
            contents=contents,
            member=self._member,
            size=self.size,
            sha256=self._hash.hexdigest(),
        )
        document = {"format": FORMAT, **asdict(manifest)}
        self._archive.writestr(_MANIFEST, json.dumps(document, indent=1))
        return manifest


@contextlib.contextmanager
def writing(file: Path) -> Iterator[Draft]:
    """A backup that is in its place once the block has ended well, and nowhere if it has not.

    Raises `BackupError` when something is there already: a backup is never written over.
    """
    refuse_taken(file)
    try:
        handle, name = tempfile.mkstemp(".partial", f".{file.name}.", file.parent)  # mode 0600
    except OSError as error:
        raise BackupError(f"{file.parent} cannot be written to: {error.strerror}.") from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as raw:
            with zipfile.ZipFile(raw, "w") as archive:
                yield Draft(archive)
            raw.flush()
            os.fsync(raw.fileno())
        refuse_taken(file)
        partial.rename(file)
        _sync_folder(file.parent)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def refuse_taken(file: Path) -> None:
    """Raises `BackupError` when something is there already, or no folder to put it into."""
    if not file.parent.is_dir():
        raise BackupError(f"{file} cannot be written: there is no folder {file.parent}.")
    if file.exists():
        raise BackupError(f"{file} is there already, and a backup is never written over.")


def _sync_folder(folder: Path) -> None:
    """So that the file is found under its name after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------ reading


class Backup:
    """A backup that was read to its end and is what was written."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    def open(self) -> IO[bytes]:
        """The dump, from its beginning."""
        return self._archive.open(self.manifest.member)


@contextlib.contextmanager
def reading(file: Path) -> Iterator[Backup]:
    """A backup whose hash was compared.

    Raises `BackupError` when it is damaged or none at all, and when others can write to it.
    """
    try:
        raw = file.open("rb")
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}.") from error
    with raw:
        _refuse_shared(file, os.fstat(raw.fileno()))
        with _opened(file, raw) as archive:
            yield _read_through(file, archive)


def _refuse_shared(file: Path, found: os.stat_result) -> None:
    """Raises `BackupError` unless the file is ours or root's, and nobody else's to change.

    Its hash tells of damage and not of intent, and what it holds is run as SQL.
    """
    because = "Whoever can change it could have anything run in the database. Nothing was changed."
    if found.st_uid not in (os.getuid(), 0):
        raise BackupError(
            f"{file} belongs to another user. {because} If you trust it, make a copy of your own:"
            f" cp {file} COPY"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BackupError(
            f"{file} can be written to by others. {because} If you trust it: chmod go-w {file}"
        )


def _opened(file: Path, raw: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(raw)
    except zipfile.BadZipFile as error:
        raise BackupError(
            f"{file} is no backup, or was cut off: its table of contents is missing."
        ) from error


def _read_through(file: Path, archive: zipfile.ZipFile) -> Backup:
    try:
        manifest = _manifest(json.loads(archive.read(_MANIFEST)))
        backup = Backup(archive, manifest)
        with backup.open() as member:
            found = _hash(member)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BackupError(f"{file} is damaged: {error}. Nothing was changed.") from error
    if found != (manifest.size, manifest.sha256):
        raise BackupError(
            f"{file} is damaged: it is not what its manifest says. Nothing was changed."
        )
    return backup


def _manifest(document: dict[str, Any]) -> Manifest:
    if document.get("format") != FORMAT:
        raise ValueError(f"a format this version does not know ({document.get('format')!r})")
    contents = document["contents"]
    return Manifest(
        contents=Contents(**{field.name: contents[field.name] for field in fields(Contents)}),
        member=document["member"],
        size=document["size"],
        sha256=document["sha256"],
    )


def _hash(source: IO[bytes]) -> tuple[int, str]:
    size, found = 0, hashlib.sha256()
    while block := source.read(_BLOCK):
        size += len(block)
        found.update(block)
    return size, found.hexdigest()
