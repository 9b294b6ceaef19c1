"""What makes a process one that serves the web, before the settings are read."""

from __future__ import annotations

import os

from attrition_site import environment


def prepare() -> None:
    """Have the settings read as every process of the web server reads them: those that answer, and
    the one that starts them and hands its settings on."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
    # Whoever waits for a page gives up sooner than a migration may.
    environment.process_defaults.update(DATABASE_LOCK_SECONDS=5)
