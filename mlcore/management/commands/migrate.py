from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

_LOCK_SECONDS = 10
_LOCK_NOT_AVAILABLE = "55P03"


class Command(migrate.Command):
    """Django's own, which gives up rather than stand in everyone's way.

    A change that waits for a table keeps everyone out who comes after it, readers too. It waits for
    ten seconds, or as long as DATABASE_LOCK_SECONDS says, and can then be tried again: each
    migration is done whole or not at all, and those that are not can be begun anew.
    """

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            (before,) = cursor.fetchone()
            if before == "0":
                cursor.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
                raise
            raise CommandError(
                "Someone is using a table that is to be changed, and the migration gave up so that"
                " nobody waits behind it. Try again when less is going on, or stop the workers"
                " first: what was done stays done, and what was not is begun anew."
            ) from error
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])
