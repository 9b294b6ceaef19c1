"""How long work has waited for the background worker."""

from __future__ import annotations

from django.db.models import Min
from django.utils import timezone


def oldest_waiting() -> float | None:
    """Seconds for which the oldest task has waited that nobody has taken; None without one."""
    from django_q.models import OrmQ

    now = timezone.now()
    # A task that was taken is locked until it is taken for lost.
    since = OrmQ.objects.filter(lock__lte=now).aggregate(since=Min("lock"))["since"]
    return None if since is None else max(0.0, (now - since).total_seconds())
