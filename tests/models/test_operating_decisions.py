"""HR decides from which risk on a conversation is called for; the record keeps what held when."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from mlcore import append_only, registry, services
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Activation, Basis, ModelVersion, OperatingDecision
from mlcore.services import RefusedError
from predictions.models import Prediction, Source
from predictions.services import Request, predict
from tests.conftest import EMPLOYEE

LOW, HIGH = OperatingPoint((0.01, 0.02, 0.04)), OperatingPoint((0.5, 0.97, 0.99))


@pytest.fixture
def decide(active_model, carol):
    def decide(point, *, version=None, by=carol, reason="as the board decided", value=3.0):
        return services.decide_operating_point(
            version=version or ModelVersion.objects.get(pk=active_model.id),
            point=point,
            basis=Basis.COST,
            basis_value=value,
            reason=reason,
            by=by,
        )

    return decide


def test_the_newest_decision_holds(decide, active_model, carol):
    assert registry.active().operating_point == active_model.artifact.operating_point
    for point in (LOW, HIGH, LOW):
        decision = decide(point)
        assert registry.active().operating_point == decision.operating_point == point
    assert (decision.decided_by, decision.basis, decision.basis_value) == (carol, "cost", 3.0)
    assert OperatingDecision.objects.count() == 3


def test_a_decision_changes_the_next_prediction_and_none_before(decide, record, alice):
    before = record(alice)
    kept = Prediction.objects.values().get()
    decide(HIGH)
    active = registry.active()
    after = predict(
        active.schema.clean(dict(EMPLOYEE)),
        using=active,
        request=Request(requested_by=alice, source=Source.FORM),
    )
    assert after.probability == before.probability
    assert (after.threshold, after.elevated) == (0.97, False)
    assert Prediction.objects.filter(pk=before.pk).values().get() == kept
    assert kept["threshold"] != 0.97


def test_it_goes_with_its_model(decide, active_model, make_model, carol):
    """Another model has its own; back at the first, what was decided for it holds again."""
    decide(LOW)
    spring = make_model("spring")
    services.activate(version=spring, reason="better")
    assert registry.active().operating_point == active_model.artifact.operating_point
    services.roll_back(by=carol, leaving=spring)
    assert registry.active().operating_point == LOW


def test_other_processes_follow_without_reading_the_files_again(
    decide, monkeypatch, settings, django_assert_num_queries
):
    settings.MODEL_REFRESH_SECONDS = 0.0
    loaded = registry.active().artifact
    monkeypatch.setattr(registry, "forget", lambda: None)  # what reaches this process alone
    decide(LOW)
    with django_assert_num_queries(1):
        active = registry.active()
    assert active.operating_point == LOW
    assert active.artifact is loaded


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_what_it_was_derived_from_is_a_number_above_zero(decide, value):
    with pytest.raises(RefusedError, match="above zero"):
        decide(LOW, value=value)


def test_a_reason_and_an_administrator_are_needed(decide, alice):
    with pytest.raises(RefusedError, match="Say why"):
        decide(LOW, reason=" ")
    with pytest.raises(RefusedError, match="administrator"):
        decide(LOW, by=alice)
    assert not OperatingDecision.objects.exists()


@pytest.mark.parametrize("bounds", [(0, 0.2, 0.4), (0.2, 0.1, 0.4), (0.1, 0.2, 1), (0.1, 0.4, 0.4)])
def test_the_database_refuses_bounds_that_do_not_rise(decide, carol, bounds):
    row = decide(LOW)
    row.pk = None
    row.moderate_from, row.threshold, row.very_high_from = bounds
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


class TestOnRecord:
    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: rows.update(threshold=0.3),
            lambda rows: rows.get().save(),
            lambda rows: rows.get().delete(),
            lambda rows: rows.all().delete(),
        ],
    )
    def test_a_decision_is_never_changed(self, decide, change):
        decide(LOW)
        before = OperatingDecision.objects.values().get()
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change(OperatingDecision.objects.all())
        assert OperatingDecision.objects.values().get() == before

    def test_its_guard_is_watched_with_the_others(self, active_model):
        assert "mlcore_operatingdecision" in append_only.guarded()
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(
                    "DROP TRIGGER mlcore_operatingdecision_append_only ON mlcore_operatingdecision"
                )
            else:
                cursor.execute("DROP TRIGGER mlcore_operatingdecision_append_only_update")
        assert append_only.unguarded(connection) == ["mlcore_operatingdecision"]
        append_only.install(connection)
        assert append_only.unguarded(connection) == []

    def test_decisions_one_after_the_other_never_share_a_moment(self, decide):
        moments = [decide(point).decided_at for point in (LOW, HIGH, LOW, HIGH)]
        assert moments == sorted(set(moments))
        assert Activation.objects.count() == 1
