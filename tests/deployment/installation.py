"""An installation's settings and commands, under an environment of the test's own."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]
STRONG = "Zq7-vN2_xTj4LrB9wKdM1cHs6YpGfEa8UoRiXbQ3nVtJ5mPlWzCk0S"


def variables(folder, **changed):
    """A production that may start, and what the test changes; None unsets."""
    usual = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/production.sqlite3",
        "ATTRITION_ENV": "production",
        "SECRET_KEY": STRONG,
        "ALLOWED_HOSTS": "attrition.example.org",
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def settings_with(folder, **changed):
    """Every setting, as a process of its own would have them. Raises ImproperlyConfigured."""
    with mock.patch.dict(os.environ, variables(folder, **changed), clear=True):
        return runpy.run_path(str(BASE_DIR / "attrition_site" / "settings.py"))


def refusal(folder, **changed):
    """The sentences that stop the start."""
    with pytest.raises(ImproperlyConfigured) as refused:
        settings_with(folder, **changed)
    return str(refused.value)


def python(folder, *command, **changed):
    """What Python does with `command` in a process of its own: its status and its output."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env=variables(folder, **changed),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()
