"""A workbook turned into CSV by a process of its own (`sheet`), which may die of it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

from mlcore.engine.ingest import workbook_parts
from mlcore.engine.ingest.limits import Limits
from mlcore.engine.ingest.refusals import TableError

SECONDS = 180
"""After which nobody waits any more, on a machine that does much else; see also `sheet.SECONDS`."""

AT_ONCE = 2
"""Workbooks that one process has converted at a time: who waits for one holds a thread of those
that answer everybody, and a large one takes a minute."""
_ROOM = threading.BoundedSemaphore(AT_ONCE)
_PATIENCE = 5.0  # seconds

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from mlcore.engine.ingest.sheet import main
main(int(sys.argv[2]))
"""


def as_csv(file: BinaryIO, limits: Limits) -> BinaryIO:
    """The first sheet that holds something as CSV: UTF-8, commas, one line for each row of the
    sheet; in a temporary file of its own. Raises `TableError`; `OSError` where the disk is full.
    """
    if not _ROOM.acquire(timeout=_PATIENCE):
        raise TableError("too_many_workbooks")
    try:
        return _as_csv(file, limits)
    finally:
        _ROOM.release()


def _as_csv(file: BinaryIO, limits: Limits) -> BinaryIO:
    converted = tempfile.TemporaryFile()  # noqa: SIM115 - given to the caller
    try:
        with tempfile.TemporaryFile() as brought:
            file.seek(0)
            shutil.copyfileobj(file, brought, 2**20)
            brought.seek(0)
            code, _, number = _run(brought, converted, limits).partition(" ")
        if code == workbook_parts.TOO_WIDE:
            raise TableError(code, columns=int(number), most=limits.columns)
        if code:
            raise TableError(code)
    except BaseException:
        converted.close()
        raise
    converted.seek(0)
    return converted


def _run(brought: BinaryIO, converted: BinaryIO, limits: Limits) -> str:
    """Why there is no sheet, or `""`."""
    try:
        child = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT), str(limits.columns)],
            stdin=brought,
            stdout=converted,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return workbook_parts.TOO_LARGE
    if not child.returncode:
        return ""
    if child.returncode == errno.ENOSPC:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    told = child.stderr.decode(errors="replace").strip()
    # It died of what it read.
    return told if told.partition(" ")[0] in workbook_parts.COMPLAINTS else workbook_parts.TOO_LARGE
