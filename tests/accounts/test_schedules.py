"""What the background worker keeps tidy."""

from __future__ import annotations

import ast
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone
from django_q.models import Failure, Schedule
from django_q.tasks import async_task
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

pytestmark = pytest.mark.django_db


NOW = timezone.now()
YESTERDAY, TOMORROW = NOW - timedelta(days=1), NOW + timedelta(days=1)
JOB = {"func": "builtins.print", "success": False, "started": NOW}


def session(key, when):
    return Session.objects.create(session_key=key, session_data="", expire_date=when)


def token(key, when):
    return OutstandingToken.objects.create(jti=key, token="", expires_at=when)


def failed_sign_in(key, when):
    attempt = AccessAttempt.objects.create(username=key, failures_since_start=1)
    AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=when)


def failed_job(key, when):
    return Failure.objects.create(id=key, name=key, stopped=when, **JOB)


@pytest.mark.parametrize(
    ("plan", "make", "rows", "expired", "fresh"),
    [
        ("delete expired sessions", session, Session, YESTERDAY, TOMORROW),
        ("delete expired tokens", token, OutstandingToken, YESTERDAY, TOMORROW),
        (
            "delete failed sign-ins that no longer count",
            failed_sign_in,
            AccessAttempt,
            NOW - timedelta(minutes=16),
            NOW - timedelta(minutes=1),
        ),
        (
            "delete failed jobs of a month ago",
            failed_job,
            Failure,
            NOW - timedelta(days=31),
            NOW - timedelta(days=29),
        ),
    ],
)
def test_what_tells_of_people_and_serves_nothing_any_more_goes_each_day(
    plan, make, rows, expired, fresh
):
    make("old", expired)
    make("new", fresh)
    call_command("migrate", verbosity=0)
    planned = Schedule.objects.get(name=plan)  # once, however often one migrates
    assert planned.schedule_type == Schedule.DAILY
    arguments = ast.literal_eval(f"[{planned.args or ''}]")
    async_task(planned.func, *arguments, sync=True)
    assert rows.objects.count() == 1
    assert "new" in str(rows.objects.values_list())
