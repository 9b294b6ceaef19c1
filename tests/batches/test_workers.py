"""Real workers, killed in every way: each row of the file is there in the end, and once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum
from django_q.models import OrmQ

from predictions.batches import jobs, ranking
from predictions.models import Batch, BatchState, Prediction, RefusedRow
from tests.batches.conftest import bring_matched
from tests.batches.workforces import workforce
from tests.training.test_jobs import database_url

PATIENCE = 90  # seconds; only a failure takes that long
WRONG = range(7, 50_000, 997)


class Clusters:
    """Background workers, as many as one likes, each with all of its processes."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        self.running = []
        self.started = 0

    def start(self):
        self.started += 1
        with (self.folder / f"worker-{self.started}.log").open("w") as output:
            process = psutil.Popen(
                [sys.executable, "-m", "django", "qcluster"],
                cwd=settings.BASE_DIR,
                env=os.environ
                | {
                    "DATABASE_URL": self.url,
                    "DJANGO_SETTINGS_MODULE": "attrition_site.settings",
                    "PYTHONUNBUFFERED": "1",
                    "WORKERS": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(process)

    @staticmethod
    def processes(cluster):
        """All of a cluster's, the one that was started first, then the one that guards."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [cluster, *cluster.children(recursive=True)]
        return []

    def kill(self, cluster):
        """kill -9 of everything at once, as when the machine goes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(cluster.pid, signal.SIGKILL)
        cluster.wait(10)
        self.running.remove(cluster)

    def kill_one(self, cluster):
        """kill -9 of one of the processes that do the work; the cluster starts it again."""
        below = self.processes(cluster)[2:]
        if below:
            with contextlib.suppress(psutil.NoSuchProcess):
                random.choice(below).send_signal(signal.SIGKILL)

    def stop(self, cluster):
        cluster.terminate()
        assert cluster.wait(30) == 0, self.log()
        self.running.remove(cluster)

    def log(self):
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("worker-*.log")))


@pytest.fixture
def clusters(tmp_path):
    made = Clusters(tmp_path, "")
    yield made
    for cluster in list(made.running):
        made.kill(cluster)


def done(batch):
    """Rows that were judged, and a little for those that were read."""
    counted = batch.chunks.aggregate(read=Sum("rows"), accepted=Sum("accepted"))
    return (counted["read"] or 0) // 5 + (counted["accepted"] or 0)


@pytest.mark.django_db(transaction=True)
def test_workers_that_are_killed_again_and_again_lose_nothing_and_double_nothing(
    active_model, alice, ibm_file, clusters
):
    count = 50_000
    batch = bring_matched(alice, workforce(ibm_file, count, wrong=WRONG))
    clusters.url = database_url()
    for _ in range(3 if connection.vendor == "postgresql" else 2):
        clusters.start()
    assert jobs.begin(batch, record=True, by=alice)

    some = random.Random(4)
    kills, seen = 0, 0
    deadline = time.monotonic() + PATIENCE
    while (now := Batch.objects.get(pk=batch.pk)).at_work:
        assert time.monotonic() < deadline, (kills, done(batch), clusters.log())
        if done(batch) >= seen + 6_000 and kills < 8:
            seen = done(batch)
            cluster = some.choice(clusters.running)
            if kills % 2:
                clusters.kill_one(cluster)
            else:
                clusters.kill(cluster)
                clusters.start()
            kills += 1
        time.sleep(0.05)
    assert now.state == BatchState.DONE, (now.message, clusters.log())
    assert kills >= 4

    recorded = Prediction.objects.filter(batch=batch)
    refused = RefusedRow.objects.filter(batch=batch)
    assert refused.count() == len(WRONG)
    assert recorded.count() == count - len(WRONG)
    assert not recorded.values("row").annotate(times=Count("id")).filter(times__gt=1).exists()
    lines = {*recorded.values_list("row", flat=True), *refused.values_list("row", flat=True)}
    assert lines == {*range(2, count + 2)}
    assert ranking.of(now).totals.people == count - len(WRONG)
    assert "Traceback" not in clusters.log()


def until(condition, clusters, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, (what, clusters.log())
        time.sleep(0.1)


def ended(batch):
    return lambda: not Batch.objects.get(pk=batch.pk).at_work


def nothing_queued():
    return not OrmQ.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_while_it_waits_still_takes_the_next_file(
    active_model, alice, ibm_file, clusters
):
    """It holds the queue's lock then, and so does who keeps the results."""
    clusters.url = database_url()
    clusters.start()
    jobs.call_for_hands(0)  # a task with nothing to do
    until(nothing_queued, clusters, "the worker did not start")
    _main, _guard, worker, monitor, *_ = sorted(
        clusters.processes(clusters.running[0]), key=lambda process: process.create_time()
    )
    for process in (worker, monitor):
        process.kill()
    batch = bring_matched(alice, workforce(ibm_file, 500))
    jobs.begin(batch, record=True, by=alice)
    until(ended(batch), clusters, "the file was not assessed")
    until(nothing_queued, clusters, "the results were not taken off the queue")
    assert Prediction.objects.filter(batch=batch).count() == 500


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_the_next_one(
    active_model, alice, ibm_file, clusters
):
    count = 40_000
    batch = bring_matched(alice, workforce(ibm_file, count))
    clusters.url = database_url()
    jobs.begin(batch, record=True, by=alice)
    clusters.start()
    until(lambda: done(batch) > count, clusters, "the work did not begin")
    clusters.stop(clusters.running[0])
    clusters.start()
    until(ended(batch), clusters, "the file was not assessed")
    assert Batch.objects.get(pk=batch.pk).state == BatchState.DONE
    assert Prediction.objects.filter(batch=batch).count() == count
    assert "Traceback" not in clusters.log()
