"""Stand-ins for commands that reach out of the machine: they write down how they were called.

There is no container engine where the tests run; what the scripts ask of it, and what they do when
it refuses, is what they are tested for.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from django.conf import settings

DEPLOY = Path(settings.BASE_DIR) / "deploy"

_STAND_IN = """#!/usr/bin/env bash
set -euo pipefail
call="${{0##*/}} $*"
printf '%s\\n' "${{ATTRITION_IMAGE:+[${{ATTRITION_IMAGE: -4}}] }}$call" >>{calls}
{does}
"""


class Commands:
    """A folder of stand-ins in front of the real commands, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self._calls = folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._calls.touch()

    def stand_in(self, name: str, does: str = "") -> None:
        """Put a stand-in for `name` in place.

        `does` is bash, where `$call` is how it was called and `$ATTRITION_IMAGE` the call's image.
        """
        file = self._bin / name
        file.write_text(_STAND_IN.format(calls=self._calls, does=does))
        file.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """Each call, after the last four characters of its image."""
        return self._calls.read_text().splitlines()

    def forget(self) -> None:
        self._calls.write_text("")

    def run(self, script: str, *arguments: str, at: Path, **environment: str):
        """The finished script, run in the folder `at`."""
        return subprocess.run(
            ["bash", str(DEPLOY / script), *arguments],
            cwd=at,
            env={**os.environ, "PATH": f"{self._bin}:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
