"""The demo workforce: assessed once, whatever else is in the history."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts.roles import Role
from predictions.models import Prediction, Source
from tests.accounts.factories import make_person
from tests.api.conftest import Api


@pytest.fixture
def analyst(db):
    return make_person(Role.ANALYST, username="hr")


@pytest.fixture(autouse=True)
def _small(settings, monkeypatch):
    """Some employees stand for all 1,470."""
    from mlcore import public_data

    columns = {header: cells[:3] for header, cells in public_data.ibm_columns().items()}
    monkeypatch.setattr(public_data, "ibm_columns", lambda: columns)
    settings.DEVELOPMENT = True


def test_it_is_assessed_once(analyst, active_model):
    for _ in range(2):
        call_command("make_demo_workforce", verbosity=0)
    assert Prediction.objects.filter(requested_by=analyst, source=Source.FILE).count() == 3


def test_nobody_prevents_it_by_a_request_s_number(analyst, dave, active_model, employee):
    number = {"X-Request-ID": "demo-workforce"}
    Api(dave).post("/api/v1/predict/attrition", employee, expect=201, headers=number)
    call_command("make_demo_workforce", verbosity=0)
    assert Prediction.objects.filter(source=Source.FILE).count() == 3


def test_what_the_analyst_assesses_by_hand_does_not_prevent_it(analyst, record):
    record(analyst)
    call_command("make_demo_workforce", verbosity=0)
    assert Prediction.objects.filter(source=Source.FILE).count() == 3


def test_without_the_demo_s_account_it_says_what_to_do(active_model):
    with pytest.raises(CommandError, match="make_demo_accounts"):
        call_command("make_demo_workforce")


def test_in_production_it_is_refused(settings, analyst, active_model):
    settings.DEVELOPMENT = False
    with pytest.raises(CommandError, match="demonstrations and development only"):
        call_command("make_demo_workforce")
    assert not Prediction.objects.exists()
