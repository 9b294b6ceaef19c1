"""What the background worker does for this app, and when."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django_q.models import Schedule

_PLANS: dict[str, dict[str, Any]] = {
    "resume interrupted trainings": {
        "func": "mlcore.tasks.resume_trainings",
        "schedule_type": Schedule.MINUTES,
        "minutes": 1,
    },
    "erase expired training files": {
        "func": "mlcore.tasks.erase_expired_training_files",
        "schedule_type": Schedule.DAILY,
    },
    "delete failed jobs of a month ago": {
        "func": "mlcore.tasks.forget_failed_jobs",
        "schedule_type": Schedule.DAILY,
    },
}


def plan_trainings(*, using: str = DEFAULT_DB_ALIAS, **kwargs: Any) -> None:
    """Receives `post_migrate`: trainings go on after a restart, and files do not outstay."""
    if Schedule._meta.db_table not in connections[using].introspection.table_names():
        return  # a migration of a few apps only
    for name, plan in _PLANS.items():
        Schedule.objects.using(using).get_or_create(name=name, defaults=plan)
