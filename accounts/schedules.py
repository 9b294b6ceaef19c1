"""What the background worker does for this app, and when."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django_q.models import Schedule

_COMMAND = "django.core.management.call_command"
_PLANS: dict[str, dict[str, str]] = {
    "delete expired sessions": {"func": _COMMAND, "args": "'clearsessions'"},
    "delete expired tokens": {"func": _COMMAND, "args": "'flushexpiredtokens'"},
    "delete failed sign-ins that no longer count": {"func": "accounts.lockout.forget_failures"},
}


def plan_housekeeping(*, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Receives `post_migrate`: what tells of people and serves nothing any more goes each day."""
    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return  # a migration of a few apps only
    for name, plan in _PLANS.items():
        Schedule.objects.using(using).get_or_create(
            name=name, defaults={**plan, "schedule_type": Schedule.DAILY}
        )
