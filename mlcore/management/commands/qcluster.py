from __future__ import annotations

import contextlib
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django_q.cluster import Cluster

from mlcore import heartbeat, set_back, signals, worker_guard


class Command(BaseCommand):
    """The background worker: Django-Q2's cluster, with a guard that outlives what it guards."""

    help = "Run the background worker."

    def handle(self, *args: Any, **options: Any) -> None:
        _ = settings.SECRET_KEY  # tasks are signed: without it there is nothing to do
        # Whoever finds no database yet begins when it is there: the tasks wait in it.
        with contextlib.suppress(DatabaseError):
            self.check(tags=["start"], databases=["default"])
        connections.close_all()
        worker_guard.install()
        heartbeat.install()
        set_back.install()
        signals.worker_starting.send(sender=Command)
        cluster = Cluster()
        cluster.start()
        cluster.sentinel.join()
        signals.worker_ended.send(sender=Command)
        # Whoever stops all processes at once stops the guard, too.
        if (status := cluster.sentinel.exitcode) not in (0, -signal.SIGTERM):
            # Only what fails is started again everywhere.
            raise CommandError(f"The background worker's guard ended by itself (status {status}).")
