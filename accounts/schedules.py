"""What the background worker does for this app, and when."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django_q.models import Schedule


def plan_housekeeping(*, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Receives `post_migrate`: sessions that have expired are deleted each day."""
    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return  # a migration of a few apps only
    Schedule.objects.using(using).get_or_create(
        name="delete expired sessions",
        defaults={
            "func": "django.core.management.call_command",
            "args": "'clearsessions'",
            "schedule_type": Schedule.DAILY,
        },
    )
