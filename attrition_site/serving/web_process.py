"""What makes a process one that serves the web, before the settings are read."""

from __future__ import annotations

import os

from attrition_site import environment


def prepare() -> None:
    """Have the settings read as every process of the web server reads them: those that answer, and
    the one that starts them and hands its settings on."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
    environment.process_defaults.update(
        # Whoever waits for a page gives up sooner than a migration may.
        DATABASE_STATEMENT_SECONDS=10,
        DATABASE_LOCK_SECONDS=5,
        # What a process holds that stands still in the middle of a transaction, or whose download
        # nobody takes any more, is free again after a minute.
        DATABASE_IDLE_TRANSACTION_SECONDS=60,
    )
