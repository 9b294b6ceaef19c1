"""Back to the model before, in one step; and what the registry says of each model."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from accounts.roles import Role
from mlcore import registry, services
from mlcore.engine.artifact import ArtifactError
from mlcore.models import Activation, ActivationProposal, ModelFiles, ModelVersion
from mlcore.services import RefusedError
from predictions.models import Prediction, Source
from predictions.replay import replay
from predictions.services import Request, predict
from tests.accounts.factories import make_person
from tests.conftest import EMPLOYEE


@pytest.fixture
def models(make_model):
    """Three, of which the third is active, after the first and the second."""
    versions = [make_model(name) for name in ("spring", "summer", "autumn")]
    for version in versions:
        services.activate(version=version, reason="better")
    return versions


def active():
    return registry.active().version


def back(by, reason=""):
    """Away from what is active now."""
    leaving = ModelVersion.objects.get(activations__is_current=True)
    return services.roll_back(by=by, leaving=leaving, reason=reason)


class TestRollingBack:
    def test_the_model_before_works_again(self, models, carol):
        _, summer, autumn = models
        assert services.previous() == summer
        activation = services.roll_back(by=carol, leaving=autumn)
        assert active() == summer.version
        assert (activation.activated_by, activation.approved_by) == (carol, None)
        assert activation.reason == "Back to the model that was active before."

    def test_it_needs_no_second_person(self, models, carol):
        make_person(Role.ADMINISTRATOR, username="frank")
        back(carol, reason="wrong for the night shift")
        assert Activation.objects.get(is_current=True).reason == "wrong for the night shift"

    def test_a_second_click_does_not_lead_forward_again(self, models, carol):
        _, summer, autumn = models
        services.roll_back(by=carol, leaving=autumn)
        with pytest.raises(RefusedError, match=autumn.version):
            services.roll_back(by=carol, leaving=autumn)
        assert active() == summer.version

    def test_the_same_model_twice_is_passed_over(self, models, carol):
        _, summer, autumn = models
        services.activate(version=autumn, reason="again")
        back(carol)
        assert active() == summer.version

    def test_there_must_be_one_before(self, make_model, carol):
        assert services.previous() is None
        spring = make_model("spring")
        with pytest.raises(RefusedError, match="not active any more"):
            services.roll_back(by=carol, leaving=spring)
        services.activate(version=spring, reason="the first")
        assert services.previous() is None
        with pytest.raises(RefusedError, match="No other model"):
            back(carol)

    def test_it_goes_further_back_each_time(self, models, carol):
        spring, summer, autumn = models
        first = back(carol)
        assert (first.model_version, first.undoes.model_version) == (summer, autumn)
        assert services.previous() == spring
        second = back(carol)
        assert (second.model_version, second.undoes) == (spring, first)
        # Nothing that someone fled from is offered.
        assert services.previous() is None
        with pytest.raises(RefusedError, match="No other model"):
            back(carol)
        assert active() == spring.version

    def test_only_a_proposal_brings_back_what_one_fled_from(self, models, carol):
        make_person(Role.ADMINISTRATOR, username="frank")
        spring, summer, autumn = models
        back(carol)
        proposal = services.propose_activation(version=autumn, reason="mended", by=carol)
        assert isinstance(proposal, ActivationProposal)
        frank = User.objects.get(username="frank")
        services.approve(proposal=proposal, by=frank)
        assert active() == autumn.version
        # Decided on anew, it can be left, and be returned to, once more.
        assert services.previous() == summer
        services.activate(version=spring, reason="for the season")
        assert services.previous() == autumn

    def test_what_one_fled_from_is_not_reached_by_an_earlier_decision(self, models, carol):
        spring, summer, autumn = models
        services.activate(version=summer, reason="once more")
        assert back(carol).model_version == autumn
        # Summer was decided on before autumn, too; but it has failed since.
        assert services.previous() == spring
        assert back(carol).model_version == spring
        assert services.previous() is None

    def test_a_model_whose_files_were_never_kept_is_passed_over(self, models, carol):
        ModelFiles.objects.filter(pk=models[1].pk).delete()
        assert services.previous() == models[0]

    def test_the_reason_is_stored_whatever_it_holds(self, models, carol):
        assert back(carol, reason="wrong\0 \ud800").reason == "wrong"

    def test_only_an_administrator_does(self, models, alice):
        with pytest.raises(RefusedError):
            back(alice)

    def test_an_altered_model_is_refused_loudly(self, models, carol, alter_kept, caplog):
        alter_kept(models[1])
        with pytest.raises(ArtifactError, match="altered"):
            back(carol)
        assert active() == models[2].version
        assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.django_db(transaction=True)
def test_no_request_fails_while_models_change(models, carol, alice, settings):
    """Predictions are made and stored in four threads while the active model flips."""
    settings.MODEL_REFRESH_SECONDS = 0.0  # every request asks: the hardest case
    stop = threading.Event()
    failures = []

    def ask():
        request = Request(requested_by=alice, source=Source.API)
        try:
            while not stop.is_set():
                model = registry.active()
                predict(model.schema.clean(dict(EMPLOYEE)), using=model, request=request)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            back(carol)
            time.sleep(0.05)
            services.activate(version=models[0], reason="and forth")
            time.sleep(0.05)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert failures == []
    assert Prediction.objects.values("model_version").distinct().count() >= 2
    # None was scored by one model and recorded as another's.
    assert [f for _, findings in replay(Prediction.objects.all()) for f in findings] == []


ANOTHER_PROCESS = """
import sys, time
import django
django.setup()
from django.db import connections
connections.databases["default"]["NAME"] = sys.argv[1]
from mlcore import registry
while True:
    print(registry.active().version, flush=True)
    time.sleep(0.1)
"""


@pytest.mark.django_db(transaction=True)
def test_another_process_follows_within_five_seconds(models, carol):
    name = str(connection.settings_dict["NAME"])
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROCESS, name],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "attrition_site.settings"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline().strip() == models[2].version
            rolled_back = time.monotonic()
            back(carol)
            said = models[2].version
            while said == models[2].version:
                said = process.stdout.readline().strip()
                assert time.monotonic() - rolled_back < 5
            assert said == models[1].version
        finally:
            process.kill()


class TestWhichModelWasActive:
    @pytest.fixture
    def history(self, models):
        """The first from the 1st of each month on, the second from the 11th, the third …"""
        for version, day in zip(models, (1, 11, 21), strict=True):
            moment = datetime(2026, 3, day, 12, tzinfo=UTC)
            version.activations.update(activated_at=moment)
        return models

    @pytest.mark.parametrize(
        ("moment", "place"),
        [
            (datetime(2026, 3, 1, 11, 59, tzinfo=UTC), None),
            (datetime(2026, 3, 1, 12, tzinfo=UTC), 0),
            (datetime(2026, 3, 11, 11, 59, 59, tzinfo=UTC), 0),
            (datetime(2026, 3, 11, 12, tzinfo=UTC), 1),
            (datetime(2030, 1, 1, tzinfo=UTC), 2),
        ],
    )
    def test_at_a_moment(self, history, moment, place, django_assert_num_queries):
        with django_assert_num_queries(1):
            found = registry.active_at(moment)
        assert found == (None if place is None else history[place])

    def test_after_a_rollback(self, history, carol):
        back(carol)
        rolled_back = Activation.objects.get(is_current=True).activated_at
        assert registry.active_at(rolled_back) == history[1]
        assert registry.active_at(rolled_back - timedelta(microseconds=1)) == history[2]

    def test_a_clock_that_is_behind_does_not_disorder_history(self, history, carol):
        ahead = datetime(2999, 1, 1, tzinfo=UTC)
        Activation.objects.filter(is_current=True).update(activated_at=ahead)
        services.activate(version=history[0], reason="from a machine whose clock is right")
        assert registry.active_at(datetime(2999, 1, 2, tzinfo=UTC)) == history[0]
        assert services.previous() == history[2]

    @pytest.mark.parametrize(
        ("asked", "place"),
        [("2026-03-01", 0), ("2026-03-11T11:00", 0), ("2026-03-11", 1), ("2026-02-28", None)],
    )
    def test_by_the_command(self, history, asked, place):
        told = io.StringIO()
        call_command("which_model", asked, stdout=told)
        expected = "No model was active then." if place is None else history[place].version
        assert told.getvalue().strip() == expected

    @pytest.mark.parametrize("junk", ["", "yesterday", "2026-02-30", "31/03/2026", "9999-12-31x"])
    def test_the_command_refuses_what_is_no_date(self, db, junk):
        with pytest.raises(CommandError, match="is no date"):
            call_command("which_model", junk)


class TestStates:
    def test_what_each_model_does(self, models, make_model, carol):
        winter, idle = make_model("winter"), make_model("idle")
        ActivationProposal.objects.create(model_version=winter, proposed_by=carol, reason="x")
        ActivationProposal.objects.create(
            model_version=idle, proposed_by=carol, reason="x", state="declined"
        )
        states = dict(ModelVersion.objects.with_state().values_list("version", "state"))
        spring, summer, autumn = models
        assert states == {
            spring.version: "used",
            summer.version: "used",
            autumn.version: "active",
            winter.version: "proposed",
            idle.version: "unused",
        }
        row = ModelVersion.objects.with_state().get(pk=autumn.pk)
        assert row.activated_at == autumn.activations.get().activated_at

    def test_one_query_for_however_many(self, models, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert len([row.state for row in ModelVersion.objects.with_state()]) == 3


class TestActivateModel:
    def test_an_operator_activates_and_is_nobody(self, models):
        told = io.StringIO()
        call_command("activate_model", models[0].version, reason="all else is broken", stdout=told)
        assert active() == models[0].version
        activation = Activation.objects.get(is_current=True)
        assert (activation.activated_by, activation.approved_by) == (None, None)
        assert models[0].version in told.getvalue()

    def test_what_cannot_be_activated_is_told_in_a_sentence(self, models):
        with pytest.raises(CommandError, match="Registered: autumn-"):
            call_command("activate_model", "winter", reason="x")
        with pytest.raises(CommandError, match="Say why"):
            call_command("activate_model", models[0].version, reason=" ")
        ModelFiles.objects.all().delete()
        with pytest.raises(CommandError, match="are gone"):
            call_command("activate_model", models[0].version, reason="x")
