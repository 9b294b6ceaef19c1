"""What a clock that was ahead left to the background worker: work that nobody would do for long.

A task is taken once the moment has passed that its row names, and a schedule likewise. Written
while a clock was an hour or a year ahead, such a moment stays away for as long after the clock was
put right. So the guard of the worker looks before it plans what is due, twice a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django_q import cluster
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

_logger = logging.getLogger(__name__)


Scheduler = Callable[..., None]


def bring_back() -> tuple[int, int]:
    """Bring back tasks and schedules that are later than anything is planned; how many of each.

    A task is given the time that one in hand has: it may be in hand, and is not to be done twice.
    """
    now = timezone.now()
    retry = timedelta(seconds=Conf.RETRY)
    tasks = OrmQ.objects.filter(lock__gt=now + retry + settings.CLOCKS_DIFFER).update(
        lock=now + retry
    )
    schedules = 0
    for schedule in Schedule.objects.filter(next_run__gt=now).exclude(schedule_type=Schedule.ONCE):
        soonest = schedule.calculate_next_run(now)
        if schedule.next_run > soonest + settings.CLOCKS_DIFFER:
            schedules += Schedule.objects.filter(pk=schedule.pk, next_run=schedule.next_run).update(
                next_run=soonest
            )
    return tasks, schedules


def install() -> None:
    """Have the guards that this process starts look whenever they plan."""
    if cluster.scheduler.__module__ != __name__:
        cluster.scheduler = _looking(cluster.scheduler)


def _looking(scheduler: Scheduler) -> Scheduler:
    def look_and_plan(*args: Any, **kwargs: Any) -> None:
        try:
            tasks, schedules = bring_back()
        except DatabaseError:
            tasks = schedules = 0  # the database is away: the next time
        if tasks or schedules:
            _logger.warning(
                "The clock was ahead: %d tasks and %d schedules were brought back.",
                tasks,
                schedules,
            )
        scheduler(*args, **kwargs)

    return look_and_plan
