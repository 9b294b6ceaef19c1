"""A disk of its own that can be filled to the last byte, and emptied again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_BALLAST = "ballast"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A file system in memory, of a fixed size."""

    path: Path

    def left(self) -> int:
        """Bytes that can still be written."""
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize

    def fill(self) -> None:
        """Take what is left, until nothing is: who writes meanwhile gets some of it."""
        with (self.path / _BALLAST).open("ab") as ballast:
            while left := self.left():
                with contextlib.suppress(OSError):
                    os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), left)

    def empty(self) -> None:
        """Give back what `fill` took."""
        (self.path / _BALLAST).unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """A disk for as long as the block lasts. The test is skipped where none may be mounted."""
    # Not below pytest's own folder, which nobody else may enter: PostgreSQL does not run as root.
    path = Path(tempfile.mkdtemp(prefix="attrition-disk-"))
    asking = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    options = f"size={megabytes}m,mode=755,uid={os.geteuid()},gid={os.getegid()}"
    try:
        refused = _refusal(*asking, "mount", "-t", "tmpfs", "-o", options, "attrition-test", path)
        if refused:
            pytest.skip(f"No disk of its own can be mounted to be filled: {refused}")
        try:
            yield Disk(path=path)
        finally:
            # Lazily: a process that is about to end may still hold a file.
            subprocess.run([*asking, "umount", "--lazy", path], check=True)
    finally:
        path.rmdir()


def _refusal(*command: str | Path) -> str:
    """Why a command did not do what it should; empty when it did."""
    if sys.platform != "linux":
        return "only Linux is asked for one"
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return (ended.stderr.strip() or f"status {ended.returncode}") if ended.returncode else ""
