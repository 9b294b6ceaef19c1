"""What the database tells about the whole installation, read when the metrics are asked for.

Every process that shows metrics shows these, and the same: take the highest, not the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from attrition_site.observability.queue import oldest_waiting
from attrition_site.probe import Probe

# Seconds that a scrape waits for the database; then it goes without.
PATIENCE = 1.5


class InstallationCollector(Collector):
    """The queue, the files at work and the model in force, from the database."""

    def __init__(self) -> None:
        self._probe = Probe()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        build = GaugeMetricFamily(
            "attrition_build_info", "The version that runs.", labels=["version", "environment"]
        )
        build.add_metric([settings.VERSION, settings.ENVIRONMENT], 1)
        yield build
        found = self._probe.ask(_read, PATIENCE)
        up = GaugeMetricFamily(
            "attrition_database_up", "Whether the database answered, just now and in time."
        )
        up.add_metric([], found is not None)
        yield up
        yield from found or ()


def _read() -> list[GaugeMetricFamily]:
    return [family for read in _READERS for family in read()]


def _queue() -> Iterator[GaugeMetricFamily]:
    from django_q.models import OrmQ, Task

    now = timezone.now()
    tasks = GaugeMetricFamily(
        "attrition_queue_tasks",
        "Tasks in the queue: waiting for a worker, or in one's hands.",
        labels=["state"],
    )
    tasks.add_metric(["waiting"], OrmQ.objects.filter(lock__lte=now).count())
    tasks.add_metric(["in_hand"], OrmQ.objects.filter(lock__gt=now).count())
    yield tasks
    age = GaugeMetricFamily(
        "attrition_queue_oldest_task_age_seconds",
        "For how long the oldest task has waited that no worker has taken; 0 without one.",
    )
    age.add_metric([], oldest_waiting() or 0.0)
    yield age
    failed = GaugeMetricFamily(
        "attrition_queue_failed_tasks", "Failed tasks that are on record in the audit pages."
    )
    failed.add_metric([], Task.objects.filter(success=False).count())
    yield failed


def _files() -> Iterator[GaugeMetricFamily]:
    from predictions.models import Batch
    from predictions.models.batch import AT_WORK

    files = GaugeMetricFamily(
        "attrition_files_at_work",
        "Files of employees that the background worker has in hand: `checking` is a try,"
        " `running` records.",
        labels=["state"],
    )
    at_work = Batch.objects.filter(state__in=AT_WORK).order_by()
    counted = dict(at_work.values_list("state").annotate(Count("pk")))
    for state in AT_WORK:
        files.add_metric([str(state)], counted.get(str(state), 0))
    yield files


def _model() -> Iterator[GaugeMetricFamily]:
    from mlcore.models import Activation

    model = GaugeMetricFamily(
        "attrition_model_info", "The model in force.", labels=["version", "sha256"]
    )
    current = Activation.objects.filter(is_current=True)
    for row in current.values_list("model_version__version", "model_version__sha256"):
        model.add_metric([*row], 1)
    yield model


_READERS: tuple[Callable[[], Iterator[GaugeMetricFamily]], ...] = (_queue, _files, _model)


def pool_use() -> dict[str, Any]:
    """What this process's pool of connections says of itself; empty without one."""
    pools = getattr(connection, "_connection_pools", {})
    pool = pools.get(connection.alias)
    return dict(pool.get_stats()) if pool is not None else {}
