"""What is counted, and when."""

from __future__ import annotations

import pytest
from axes.signals import user_locked_out
from django.contrib.auth.signals import user_login_failed
from django.db import transaction

from attrition_site.observability import metrics
from predictions import services


@pytest.fixture
def heard(monkeypatch):
    """The predictions that whoever counts them was told of: door and levels of risk."""
    told = []
    monkeypatch.setattr(services, "listeners", [lambda *what: told.append(what)])
    return told


def test_a_prediction_counts_once_it_is_committed(transactional_db, record, alice, heard):
    with transaction.atomic():
        made = record(alice)
        assert heard == []
    assert heard == [("form", [made.band])]
    record(alice)
    assert len(heard) == 2


def test_one_that_was_taken_back_does_not(transactional_db, record, alice, heard):
    with transaction.atomic():
        record(alice)
        transaction.set_rollback(True)
    assert heard == []


@pytest.fixture
def counted():
    """How much a metric has grown since the test began: `counted(metric, label)`."""
    user_login_failed.connect(metrics.count_failed_sign_in)
    user_locked_out.connect(metrics.count_lockout)

    def value(metric, *labels):
        return (metric.labels(*labels) if labels else metric)._value.get()

    keys = [(metrics.SIGN_INS, "failure"), (metrics.SIGN_INS, "refused"), (metrics.LOCKOUTS,)]
    before = {key: value(*key) for key in keys}
    yield lambda *key: value(*key) - before[key]
    user_login_failed.disconnect(metrics.count_failed_sign_in)
    user_locked_out.disconnect(metrics.count_lockout)


@pytest.mark.parametrize("door", ["/accounts/login/", "/api/v1/auth/token"])
def test_five_failures_are_a_lockout_and_the_next_ones_are_refused(
    client, alice, quick_passwords, counted, door
):
    for _ in range(7):
        body = {"username": "alice", "password": "no"}
        kind = {"content_type": "application/json"} if "api" in door else {}
        client.post(door, body, **kind)
    assert counted(metrics.SIGN_INS, "failure") == 5
    assert counted(metrics.SIGN_INS, "refused") == 2
    assert counted(metrics.LOCKOUTS) == 1
