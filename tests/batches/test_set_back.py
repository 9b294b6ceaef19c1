"""What a clock that was ahead left to the background worker, once it is put right."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule

from mlcore import set_back

pytestmark = pytest.mark.django_db

SOON = timedelta(seconds=2)
YEAR = timedelta(days=366)


def test_a_task_of_the_future_is_taken_once_whoever_may_have_it_in_hand_is_done():
    now = timezone.now()
    retry = timedelta(seconds=Conf.RETRY)
    locks = {"waits": now, "in hand": now + retry, "of the future": now + YEAR}
    for name, lock in locks.items():
        OrmQ.objects.create(key=name, payload="", lock=lock)
    assert set_back.bring_back() == (1, 0)
    after = dict(OrmQ.objects.values_list("key", "lock"))
    assert (after["waits"], after["in hand"]) == (locks["waits"], locks["in hand"])
    assert retry <= after["of the future"] - now < retry + SOON


@pytest.mark.parametrize(
    ("kind", "period"), [(Schedule.MINUTES, timedelta(minutes=1)), (Schedule.DAILY, YEAR / 366)]
)
def test_a_schedule_of_the_future_is_due_within_its_period(kind, period):
    Schedule.objects.all().delete()
    now = timezone.now()
    schedule = Schedule.objects.create(
        name="s", func="math.sqrt", schedule_type=kind, minutes=1, next_run=now + YEAR
    )
    assert set_back.bring_back() == (0, 1)
    schedule.refresh_from_db()
    # A day on which the clocks change is an hour longer.
    assert now < schedule.next_run <= now + period + timedelta(hours=1) + SOON
    assert set_back.bring_back() == (0, 0)


def test_every_schedule_of_the_product_stays_as_it_is_planned():
    before = list(Schedule.objects.order_by("pk").values_list("next_run", flat=True))
    assert before
    assert set_back.bring_back() == (0, 0)
    assert list(Schedule.objects.order_by("pk").values_list("next_run", flat=True)) == before
