"""Stored predictions are computed again, and any that comes out otherwise is found."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from mlcore import append_only, registry, services
from mlcore.engine import artifact
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.shapes import Axis, Pair
from mlcore.models import Basis, ModelFiles, ModelVersion, Origin
from predictions.models import Prediction, Source
from predictions.models.batch import Batch, BatchState
from predictions.replay import replay
from predictions.services import Request, predict_frame, record_frame
from tests.conftest import EMPLOYEE


def run(*args):
    told = io.StringIO()
    call_command("replay_predictions", *args, stdout=told)
    return told.getvalue()


def unconfirmed(**options):
    return [f for _, findings in replay(Prediction.objects.all(), **options) for f in findings]


@pytest.fixture
def alter():
    """Changes records behind the product's back, as one who owns the database can."""

    def alter(rows=None, **values):
        append_only.remove(connection)
        chosen = QuerySet(Prediction).filter(pk__in=[row.pk for row in rows or ()])
        changed = (chosen if rows else QuerySet(Prediction)).update(**values)
        append_only.install(connection)
        assert changed

    return alter


@pytest.fixture
def many(active_model, alice):
    """Records of employees who differ, some of them with blanks, all from one moment on."""
    incomes = [1009 + 37.0 * n for n in range(50)]
    raw = [EMPLOYEE | {"monthly_income": int(income), "employee_id": f"E-{income}"}
           for income in incomes]  # fmt: skip
    raw += [{"over_time": "No"}, {"monthly_income": 4000}, {"job_level": 3, "age": 40}]
    columns = {
        name: [row.get(name) for row in raw]
        for name in dict.fromkeys(k for row in raw for k in row)
    }
    frame = active_model.schema.clean_frame(columns)
    assert not frame.problems
    request = Request(requested_by=alice, source=Source.FILE)
    return predict_frame(frame, using=active_model, request=request).predictions()


def begun_file(person, version):
    return Batch.objects.create(
        name="people.csv",
        size=1,
        uploaded_by=person,
        state=BatchState.RUNNING,
        model_version=version,
        started_at=timezone.now() - timedelta(hours=2),
    )


def record_part(frame, *, using, batch, rows):
    request = Request(requested_by=batch.uploaded_by, source=Source.FILE)
    scores = using.model.score_frame(frame)
    with transaction.atomic():
        record_frame(frame, scores, using=using, request=request, batch=batch, rows=rows, groups={})


def decide(version, point, person):
    services.decide_operating_point(
        version=version, point=point, basis=Basis.COST, basis_value=3, reason="x", by=person
    )


class TestConfirmed:
    def test_what_nobody_touched_comes_out_the_same(self, many, record, alice):
        record(alice)
        told = run()
        assert f"{len(many) + 1} replayed" in told
        assert "to the last bit" in told

    def test_by_every_model_that_answered(self, many, record_with, bob):
        record_with(bob, commute=12)
        assert unconfirmed() == []

    def test_with_pairs_and_a_floor(self, active_model, alice):
        original = active_model.artifact
        places = Axis(answers=("No", "Yes")), Axis(cuts=(3000.5, 6000.25))
        pair = Pair(
            ("over_time", "monthly_income"),
            places,
            ((0.1, 0.2, 0.3, -0.0), (1 / 3, -2 / 7, 0.5, 0.0), (0.0, 0.0, 0.0, 0.7)),
        )
        model = replace(original.model, pairs=(*original.model.pairs, pair), floor=0.0123456789)
        card = {**original.card, "name": "paired"}
        files = artifact.files_of(replace(original, model=model, card=card))
        version = services.register(files=files, origin=Origin.TRAINED)
        services.activate(version=version, reason="pairs")
        frame = registry.active().schema.clean_frame(
            {"over_time": ["Yes", "No", None], "monthly_income": [2000, None, 9000]}
        )
        request = Request(requested_by=alice, source=Source.API)
        predict_frame(frame, using=registry.active(), request=request)
        assert Prediction.objects.first().floor == 0.0123456789
        assert unconfirmed() == []

    def test_judged_by_the_point_that_held_then(self, record, active_model, carol, alice):
        record(alice)
        version = ModelVersion.objects.get()
        for point in (OperatingPoint.at(0.9), OperatingPoint.at(0.05)):
            services.decide_operating_point(
                version=version, point=point, basis=Basis.COST, basis_value=3, reason="x", by=carol
            )
            frame = active_model.schema.clean_frame({"over_time": ["Yes"]})
            request = Request(requested_by=alice, source=Source.FORM)
            predict_frame(frame, using=registry.active(), request=request)
        assert len(set(Prediction.objects.values_list("threshold", flat=True))) == 3
        assert unconfirmed() == []

    def test_a_file_by_the_point_that_held_when_it_was_begun(self, active_model, carol, alice):
        """A decision in the middle changes nothing for the rest of the file."""
        version = ModelVersion.objects.get()
        batch = begun_file(alice, version)
        frame = active_model.schema.clean_frame({"over_time": ["Yes", "No"]})
        with time_machine.travel(batch.started_at + timedelta(minutes=1)):
            record_part(frame, using=active_model, batch=batch, rows=[2, 3])
        with time_machine.travel(batch.started_at + timedelta(minutes=2)):
            decide(version, OperatingPoint.at(0.05), carol)
        with time_machine.travel(batch.started_at + timedelta(hours=1)):
            using = registry.pinned(version, active_model.operating_point)
            record_part(frame, using=using, batch=batch, rows=[4, 5])
        assert set(Prediction.objects.values_list("threshold", flat=True)) == {
            active_model.operating_point.threshold
        }
        assert unconfirmed() == []

    def test_after_the_model_was_replaced(self, many, second_model):
        version = ModelVersion.objects.get(pk=second_model.id)
        services.activate(version=version, reason="better")
        assert unconfirmed() == []

    def test_nothing_is_nothing_to_complain_about(self, db):
        assert run().startswith("0 replayed")


class TestChosen:
    def test_the_newest_so_many(self, many):
        assert run("--limit", "7").startswith("7 replayed")
        assert run("--limit", "1000").startswith("53 replayed")

    @pytest.mark.parametrize("batch", [1, 2, 7, 53, 1000])
    def test_each_once_whatever_the_batch(self, many, alter, batch):
        """Records of one moment, too, are told apart by their numbers."""
        alter(many[:20], created_at=timezone.now() - timedelta(minutes=1))
        alter(many, base_rate=0.5)
        found = unconfirmed(batch=batch)
        assert len(found) == len({finding.id for finding in found}) == len(many)

    def test_since_a_date(self, many, alter):
        alter(many[:3], created_at=timezone.now() - timedelta(days=10), base_rate=0.5)
        yesterday = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"
        assert run("--since", yesterday).startswith("50 replayed")
        with pytest.raises(CommandError):
            run()

    def test_of_one_model(self, many, second_model, record_with, alice):
        record_with(alice, commute=3)
        assert run("--model", second_model.version).startswith("1 replayed")

    @pytest.mark.parametrize(
        "arguments",
        [["--since", "soon"], ["--model", "none"], ["--limit", "0"], ["--batch", "0"]],
    )
    def test_what_makes_no_sense_is_told(self, db, arguments):
        with pytest.raises(CommandError):
            run(*arguments)

    def test_memory_and_queries_do_not_grow_with_the_rows(self, many, django_assert_num_queries):
        # The model and its decisions once, and the rows in three batches and an empty one.
        with django_assert_num_queries(6):
            assert unconfirmed(batch=20) == []


class TestFound:
    @pytest.mark.parametrize(
        ("column", "change"),
        [
            ("probability", lambda p: math.nextafter(p.probability, 1)),
            ("log_odds", lambda p: math.nextafter(p.log_odds, 9)),
            ("intercept", lambda p: math.nextafter(p.intercept, 9)),
            ("floor", lambda p: math.nextafter(p.floor, 1)),
            ("base_rate", lambda p: math.nextafter(p.base_rate, 1)),
            ("threshold", lambda p: math.nextafter(p.threshold, 1)),
            ("band", lambda p: "low" if p.band != "low" else "high"),
            ("contributions", lambda p: {**p.contributions, "over_time": 0.5}),
            ("contributions", lambda p: {**p.contributions, "luck": 0.5}),
            (
                "contributions",
                lambda p: {
                    **p.contributions,
                    "over_time": math.nextafter(p.contributions["over_time"], 9),
                },
            ),
        ],
    )
    def test_one_altered_bit(self, many, alter, column, change):
        altered = many[30]
        alter([altered], **{column: change(altered)})
        [finding] = unconfirmed(batch=20)
        assert (finding.id, finding.columns, finding.trouble) == (altered.pk, (column,), "")
        with pytest.raises(CommandError, match="1 of 53 are not confirmed") as refused:
            run()
        assert refused.value.returncode == 1

    def test_other_inputs(self, many, alter):
        alter([many[0]], inputs={**many[0].inputs, "over_time": "No"})
        [finding] = unconfirmed()
        assert {"probability", "log_odds", "contributions"} <= set(finding.columns)

    @pytest.mark.parametrize(
        "inputs",
        [{}, {"over_time": "Yes"}, {**EMPLOYEE}, [], None, {"over_time": "Perhaps"}],
    )
    def test_inputs_that_the_model_cannot_have_been_asked(self, many, alter, inputs):
        whole = {**many[0].inputs, **inputs} if inputs == {"over_time": "Perhaps"} else inputs
        if whole is None:
            whole = {**many[0].inputs, "monthly_income": "much"}
        alter([many[0]], inputs=whole)
        [finding] = unconfirmed()
        assert finding.id == many[0].pk
        assert "not this model’s" in finding.trouble

    def test_a_band_of_another_time(self, record, alter, carol, alice):
        """A threshold must have held at that moment, and not at any."""
        prediction = record(alice)
        services.decide_operating_point(
            version=ModelVersion.objects.get(),
            point=OperatingPoint.at(0.9),
            basis=Basis.COST,
            basis_value=3,
            reason="x",
            by=carol,
        )
        alter([prediction], created_at=timezone.now() - timedelta(days=1), threshold=0.9)
        [finding] = unconfirmed()
        assert finding.columns == ("threshold",)

    def test_a_row_of_a_file_by_a_point_that_was_decided_on_later(self, active_model, carol, alice):
        """What held when the row was recorded does not excuse it: the file had been begun."""
        version = ModelVersion.objects.get()
        batch = begun_file(alice, version)
        with time_machine.travel(batch.started_at + timedelta(minutes=2)):
            decide(version, OperatingPoint.at(0.05), carol)
        frame = active_model.schema.clean_frame({"over_time": ["Yes"]})
        using = registry.pinned(version, OperatingPoint.at(0.05))
        record_part(frame, using=using, batch=batch, rows=[2])
        [finding] = unconfirmed()
        assert finding.columns == ("threshold",)

    def test_a_record_that_names_another_model(self, many, alter):
        alter([many[0]], model_sha256="0" * 64)
        [finding] = unconfirmed()
        assert "was recorded" in finding.trouble

    @pytest.mark.parametrize("harm", ["altered", "gone"])
    def test_a_model_that_is_not_what_it_was(self, many, harm):
        if harm == "gone":
            ModelFiles.objects.all().delete()
        else:
            files = artifact.read(registry.BUNDLED_FOLDER)
            files["model.json"] = files["model.json"].replace(b"1", b"2", 1)
            ModelFiles.objects.update(content=artifact.pack(files))
        with pytest.raises(CommandError, match="53 of 53"):
            run()
        assert all(finding.trouble for finding in unconfirmed())

    def test_a_long_list_is_cut(self, many, alter, monkeypatch):
        monkeypatch.setattr("predictions.management.commands.replay_predictions._SHOWN", 5)
        alter(base_rate=0.5)
        with pytest.raises(CommandError, match=r"53 of 53 .*\(48 more are not listed\)"):
            run("--batch", "3")
