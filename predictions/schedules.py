"""What the background worker does for this app, and when."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django_q.models import Schedule

_PLANS: dict[str, dict[str, Any]] = {
    "resume interrupted files": {
        "func": "predictions.batches.tasks.resume",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
    "erase expired files of employees": {
        "func": "predictions.batches.tasks.erase_expired",
        "schedule_type": Schedule.DAILY,
    },
    "refresh the overview": {
        "func": "predictions.overview.tasks.refresh",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
}


def plan_batches(*, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Receives `post_migrate`: files go on after a restart, and do not outstay."""
    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return  # a migration of a few apps only
    for name, plan in _PLANS.items():
        Schedule.objects.using(using).get_or_create(name=name, defaults=plan)


def resume_at_once(**kwargs: Any) -> None:
    """Receives `post_spawn`: a worker that has just started takes up what stands still."""
    # What works on files is loaded where it works.
    from predictions.batches import tasks

    tasks.resume_at_once()
