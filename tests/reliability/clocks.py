"""A clock that can be set while the processes run that go by it: libfaketime, in each of them.

It answers whoever asks for the time of day. What counts seconds alone, the monotonic clock, and the
times of files, it leaves alone: on a machine whose clock is set, they go on as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

HOUR, DAY = 3600, 86400
YEAR = 366 * DAY  # seconds


class Clock:
    """The time of day of processes that are started with its `environment`."""

    def __init__(self, folder: Path) -> None:
        """Skips the test where no process can be given one."""
        self._file = folder / "clock"
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        self.put_ahead(DAY)
        if not DAY - HOUR < self._shown() - time.time() < DAY + HOUR:
            pytest.skip("libfaketime does not give processes another clock on this machine.")
        self.put_right()

    def put_ahead(self, seconds: int) -> None:
        """Set it so much ahead of the machine's; behind it, where that is negative."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)  # in one step: processes read it all the time

    def put_right(self) -> None:
        self.put_ahead(0)

    def _shown(self) -> float:
        """The time of day that a new process sees."""
        ended = subprocess.run(
            [sys.executable, "-c", "import time; print(time.time())"],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return float(ended.stdout)


def _library() -> Path:
    package = find_spec("libfaketime")
    if package is None or package.origin is None:
        pytest.skip("libfaketime is not installed.")
    found = Path(package.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
    if not found.exists():
        pytest.skip("libfaketime comes without a library for this machine.")
    return found
