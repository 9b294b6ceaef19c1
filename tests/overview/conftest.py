"""Files of employees of a few lines, each line saying what differs from the typical employee."""

from __future__ import annotations

import pytest
from django.utils import timezone

from mlcore import registry
from predictions.models import Batch, BatchState, Prediction, Source
from predictions.services import Request, record_frame
from tests.conftest import EMPLOYEE

LEAVING = {"over_time": "Yes", "stock_option_level": 0}
STAYING = {"over_time": "No", "stock_option_level": 1, "job_level": 3, "job_satisfaction": 4}


@pytest.fixture
def bring(active_model):
    """A file that was assessed: `bring(alice, {"E-1": LEAVING, "E-2": STAYING})`.

    `groups` are the columns kept beside what the model asks: `{"Department": ["Sales", "Sales"]}`.
    """

    def make(person, people, *, groups=None, name="employees.csv", state="done", corrects=None):
        using = registry.active()
        batch = Batch.objects.create(
            name=name,
            sha256="0" * 64,
            size=1,
            uploaded_by=person,
            corrects=corrects,
            state=BatchState.RUNNING,
            started_at=timezone.now(),
            model_version_id=using.id,
            headers=list(groups or {}),
            cut={"grouped": list(range(len(groups or {})))},
        )
        batch.chunks.create(
            number=0, rows=len(people), accepted=len(people), done_at=timezone.now()
        )
        rows = [EMPLOYEE | {"employee_id": one} | values for one, values in people.items()]
        frame = using.schema.clean_frame({name: [row[name] for row in rows] for name in rows[0]})
        record_frame(
            frame,
            using.model.score_frame(frame),
            using=using,
            request=Request(requested_by=person, source=Source.FILE),
            batch=batch,
            rows=range(2, len(frame) + 2),
            groups=groups or {},
        )
        batch.state, batch.finished_at = state, timezone.now()
        batch.save()
        return batch

    return make


@pytest.fixture
def many(bring, alice):
    """`many(6, "E", LEAVING)`: so many people alike, of one file of the workforce with all that it
    is called for: the first call makes the file, the others bring more of its lines."""
    first = []

    def make(count, prefix, values, **options):
        people = {f"{prefix}-{number}": values for number in range(count)}
        groups = {
            header: [text] * count for header, text in (options.pop("groups", None) or {}).items()
        }
        corrects = first[0] if first else None
        batch = bring(alice, people, groups=groups, **{"corrects": corrects, **options})
        first.append(batch)
        return batch

    return make


def bands(*references):
    """The level of the latest prediction of each."""
    newest = Prediction.objects.order_by("created_at", "id")
    return [newest.filter(employee_id=one).last().band for one in references]
