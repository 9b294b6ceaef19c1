"""What the background worker keeps tidy."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Schedule
from django_q.tasks import async_task

pytestmark = pytest.mark.django_db


def test_expired_sessions_are_deleted_each_day_and_the_plan_is_made_once():
    call_command("migrate", verbosity=0)
    plan = Schedule.objects.get(name="delete expired sessions")
    assert plan.schedule_type == Schedule.DAILY


def test_the_planned_work_deletes_what_has_expired_and_nothing_else():
    now = timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=now - timedelta(1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timedelta(1))
    plan = Schedule.objects.get(name="delete expired sessions")
    async_task(plan.func, "clearsessions", sync=True)
    assert [session.session_key for session in Session.objects.all()] == ["new"]
