from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone, translation

from accounts.models import User
from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.models import Source
from predictions.models.batch import Batch, BatchChunk, BatchState
from predictions.services import Request, predict, record_frame
from tests.conftest import EMPLOYEE


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root")


@pytest.fixture
def as_bob(client, bob):
    client.force_login(bob)
    return client


@pytest.fixture
def second_model(active_model, tmp_path):
    """Another model, registered later: without overtime, and with a feature of its own."""
    original = active_model.artifact
    stored = original.schema.to_json()
    features = [feature for feature in stored["features"] if feature["name"] != "over_time"]
    commute = dict(features[1], name="commute", column="Commute")
    assert commute["kind"] == "number"
    commute["label"] = {"en": "=Commute", "fr": "=Trajet"}
    stored["features"] = [*features, commute]
    shapes = dict(original.model.shapes)
    del shapes["over_time"]
    shapes["commute"] = shapes[features[1]["name"]]
    folder = tmp_path / "second"
    artifact.save(
        dataclasses.replace(
            original,
            schema=type(original.schema).from_json(json.loads(json.dumps(stored))),
            model=dataclasses.replace(original.model, shapes=shapes),
        ),
        folder,
    )
    version = services.register(files=artifact.read(folder), origin=Origin.TRAINED)
    loaded = artifact.load(folder, expected_sha256=version.sha256)
    return registry.ActiveModel(version.pk, version.version, loaded, loaded.operating_point)


@pytest.fixture
def record_with(second_model):
    """Records a prediction of the second model."""

    def make(user, **values):
        raw = {name: value for name, value in EMPLOYEE.items() if name != "over_time"}
        return predict(
            second_model.schema.clean(raw | values),
            using=second_model,
            request=Request(requested_by=user, source=Source.API),
        )

    return make


@pytest.fixture
def file(alice, active_model):
    """A file of two people, assessed."""
    begun = datetime(2026, 3, 2, 12, tzinfo=UTC)
    batch = Batch.objects.create(
        name="people.csv",
        sha256="a" * 64,
        size=100,
        uploaded_by=alice,
        request_id="the-upload",
        state=BatchState.DONE,
        headers=["Employee", "Overtime", "Site"],
        grouped=[2],
        rows=3,
        model_version_id=active_model.id,
        threshold=0.25,
        started_by=alice,
        started_at=begun,
        finished_at=begun + timedelta(minutes=1),
    )
    frame = active_model.schema.clean_frame(
        {"employee_id": ["P-1", "P-2"], "over_time": ["Yes", "No"]}
    )
    request = Request(requested_by=alice, source=Source.FILE, request_id="the-upload")
    with time_machine.travel(begun + timedelta(seconds=30), tick=False):
        record_frame(
            frame,
            active_model.model.score_frame(frame),
            using=active_model,
            request=request,
            batch=batch,
            rows=[2, 3],
            groups={"Site": ["Lyon", "=Paris"]},
        )
        BatchChunk.objects.create(
            batch=batch,
            number=0,
            rows=3,
            content=b"",
            done_at=timezone.now(),
            accepted=2,
            refused=1,
        )
    return batch


@pytest.fixture
def capture_queries(django_assert_max_num_queries):
    """The statements that opening a page takes."""

    def capture(client, address):
        with django_assert_max_num_queries(100) as queries:
            assert client.get(address).status_code == 200
        return [query["sql"] for query in queries]

    return capture


@pytest.fixture(autouse=True)
def _in_english():
    """A request leaves its language behind in the thread."""
    with translation.override("en"):
        yield
