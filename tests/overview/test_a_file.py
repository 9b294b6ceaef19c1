"""From a file as people bring it to the dashboard that tells of it."""

from __future__ import annotations

from django_q.models import OrmQ

from mlcore.public_data import ibm_file
from predictions.batches import jobs
from predictions.models import Prediction
from predictions.overview import tasks
from tests.batches.conftest import bring_matched, work_to_the_end


def test_the_end_of_a_file_brings_the_dashboard_up_to_date(client, alice, active_model):
    batch = bring_matched(alice, ibm_file(), name="november.csv")
    assert jobs.begin(batch, record=True, by=alice)
    work_to_the_end(batch)
    assert "predictions.overview.tasks.refresh" in [q.task["func"] for q in OrmQ.objects.all()]
    assert tasks.refresh() == "computed"

    client.force_login(alice)
    answer = client.get("/")
    levels = answer.context["levels"]
    high = Prediction.objects.filter(band__in=["high", "very_high"]).count()
    assert (levels.people, levels.high) == (1470, high)
    comparison = answer.context["comparison"]
    assert comparison.chosen.label == "Department"
    departments = {bar.label: bar.group.people for bar in comparison.bars}
    assert departments == {"Sales": 446, "Human Resources": 63, "Research & Development": 961}
    assert answer.context["drivers"].everything[0].label == "Works overtime"
    assert "november.csv" in answer.content.decode()
