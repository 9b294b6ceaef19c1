"""Metrics of real processes: of all workers, on a port of their own, and right when one dies."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django_q.tasks import async_task

from attrition_site.observability import exposition
from mlcore import heartbeat
from mlcore.public_data import ibm_file
from predictions.batches import jobs
from predictions.models import Batch
from tests.batches.conftest import bring_matched
from tests.conftest import EMPLOYEE
from tests.observability.serving import Process
from tests.observability.test_lines import FIELDS, documented_fields
from tests.people import bearer

PREDICT = "/api/v1/predict/attrition"
DURATION = "attrition_http_request_duration_seconds_count"


@pytest.fixture
def started(tmp_path):
    """Starts processes of the product, and ends them."""
    running = []

    def start(*command, **variables):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Process(folder, *command, **variables))
        return running[-1]

    yield start
    for process in running:
        process.stop()


def documented():
    """Each metric that the documentation names, with its labels."""
    text = (Path(settings.BASE_DIR) / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| `(attrition_\w+)` \| \w+ \|([^|]*)\|", text, flags=re.MULTILINE)
    return {
        name.removesuffix("_total"): set(re.findall(r"`(\w+)`", labels)) for name, labels in rows
    }


def told(family):
    """The labels of a metric, but for a histogram's bounds."""
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def test_two_workers_are_told_as_one_and_a_dead_one_is_replaced(
    transactional_db, active_model, dave, quick_passwords, started
):
    web = started()
    token = bearer(dave)
    web.until(lambda: web.ask("/health/ready")[0] == 200)
    web.until(lambda: len(web.process.children()) == 2 and web.metrics())

    # Each request comes by a connection of its own, which the kernel deals to either worker.
    for _ in range(20):
        assert web.ask(PREDICT, body=EMPLOYEE, **token)[0] == 201
    employees = [EMPLOYEE, EMPLOYEE | {"over_time": "No"}, EMPLOYEE | {"job_level": "director"}]
    assert web.ask(f"{PREDICT}/batch", body={"employees": employees}, **token)[0] == 200
    for number in range(5):
        assert web.ask(f"/no/such/E-{number}")[0] == 404
    assert web.ask("/api/v1/auth/token", body={"username": "x", "password": "y"})[0] == 401

    # A worker counts what it has answered within a second.
    web.until(lambda: web.metrics()[DURATION, "POST", PREDICT, "2xx"] == 20)
    web.until(lambda: web.metrics()[DURATION, "GET", "unmatched", "4xx"] == 5)
    web.until(lambda: web.metrics()[DURATION, "POST", f"{PREDICT}/batch", "2xx"] == 1)
    metrics = web.metrics()
    # Labels stand in the order of their names: method, route, status.
    # The person and the record; now and then which model is in force.
    assert 40 <= metrics["attrition_http_database_queries_total", PREDICT] <= 50
    assert metrics["attrition_http_database_seconds_total", PREDICT] > 0
    counted = {key: n for key, n in metrics.items() if key[0] == "attrition_predictions_total"}
    assert sum(counted.values()) == 22
    assert {door for _, _, door in counted} == {"api"}
    assert metrics["attrition_sign_ins_total", "failure"] == 1
    assert metrics["attrition_model_info", active_model.artifact.sha256, active_model.version] == 1
    assert metrics["attrition_database_up",] == 1
    places = {key for key in metrics if key[0] == "attrition_process_resident_memory_bytes"}
    assert len(places) == 2
    assert all(metrics[place] > 20_000_000 for place in places)

    [victim, other] = web.process.children()
    victim.kill()
    victim.wait(10)  # until then the kernel may still deal a connection to it, and reset that
    web.until(lambda: web.metrics()[DURATION, "POST", PREDICT, "2xx"] == 20)  # whoever is left
    web.until(lambda: {child.pid for child in web.process.children()} > {other.pid})
    for _ in range(10):
        assert web.ask(PREDICT, body=EMPLOYEE, **token)[0] == 201
    web.until(lambda: web.metrics()[DURATION, "POST", PREDICT, "2xx"] == 30)
    web.until(lambda: {key for key in web.metrics() if key[0].endswith("memory_bytes")} == places)
    [folder] = web.folders
    assert {file.name for file in folder.glob("counter_*")} == {"counter_0.db", "counter_1.db"}

    # Nothing of it on the port that the pages have.
    assert web.ask("/metrics")[0] == 404
    # The documentation names what is there, and nothing is there that it does not name.
    families = web.families()
    named = documented()
    assert families.keys() <= named.keys()
    assert {name: told(family) for name, family in families.items() if family.samples} == {
        name: labels
        for name, labels in named.items()
        if name in families and families[name].samples
    }

    web.process.terminate()
    web.process.wait(20)
    assert web.folders == []
    # Every line is JSON, gunicorn's own as well.
    messages = {line["message"] for line in web.lines}
    [assessed, *_] = [line for line in web.lines if line.get("route") == PREDICT]
    assert assessed.keys() == FIELDS
    assert (assessed["status"], assessed["user_id"], assessed["door"]) == (201, dave.pk, "api")
    assert any("SIGKILL" in message for message in messages)
    assert "E-1" not in web.log.read_text()


@pytest.mark.any_database  # it is about folders
def test_what_a_server_left_that_was_killed_goes_with_the_next_one(
    transactional_db, active_model, started
):
    first = started()
    first.until(first.metrics)
    [left] = first.folders
    # All at once: of a worker that is killed alone, another takes the place, and keeps the port.
    everything = [first.process, *first.process.children(recursive=True)]
    os.killpg(first.process.pid, signal.SIGKILL)
    psutil.wait_procs(everything, timeout=10)
    assert first.folders == [left]

    second = started(METRICS_PORT=str(first.metrics_port))
    second.until(first.metrics)
    assert len(first.folders) == 1
    assert left not in first.folders


def test_the_background_worker_tells_its_tasks_and_its_life(
    transactional_db, active_model, alice, started
):
    batch = bring_matched(alice, ibm_file())
    jobs.begin(batch, record=True, by=alice)
    async_task("math.sqrt", "of no number: E-1024")
    worker = started("django", "qcluster", SLOW_QUERY_MS="0")
    worker.until(lambda: Batch.objects.get(pk=batch.pk).has_results)
    failed = ("attrition_task_duration_seconds_count", "failure", "math.sqrt")
    worker.until(lambda: worker.metrics()[failed] == 1)

    metrics = worker.metrics()
    counted = {key: n for key, n in metrics.items() if key[0] == "attrition_predictions_total"}
    assert {door for _, _, door in counted} == {"file"}
    assert sum(counted.values()) == metrics["attrition_file_rows_total", "recorded"] == 1470
    assert metrics["attrition_file_chunk_duration_seconds_count", "record"] >= 1
    assert metrics["attrition_task_database_seconds_total", jobs.WORK] > 0
    assert metrics["attrition_queue_oldest_task_age_seconds",] >= 0
    assert worker.families().keys() <= documented().keys()

    lines = worker.lines
    assert {name for line in lines for name in line} <= documented_fields()
    chunks = [line for line in lines if line["message"] == "chunk recorded"]
    assert sum(line["rows"] for line in chunks) == 1470
    assert {line["batch"] for line in chunks} == {batch.pk}
    assert {line["task"] for line in chunks} == {jobs.WORK}
    assert all(line["duration_ms"] > 0 for line in chunks)
    done = [line for line in lines if line["message"] == "task done" and line["task"] == jobs.WORK]
    assert done[0]["batch"] == batch.pk
    assert done[0]["queries"] > 0
    [failure] = [line for line in lines if line["message"] == "task failed"]
    assert failure["task"] == "math.sqrt"
    assert failure["error"] == "TypeError"
    assert failure["at"]
    assert "E-1024" not in worker.log.read_text()

    # Whoever watches the container asks for a sign of life.
    beats = worker.temporary / heartbeat.file().name
    assert beats.exists()
    before = beats.stat().st_mtime
    worker.until(lambda: beats.stat().st_mtime > before)
    worker.process.terminate()
    worker.process.wait(30)
    assert worker.folders == []


def test_a_worker_is_taken_for_dead_when_it_gives_no_sign(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "file", lambda: tmp_path / "sign")
    assert not heartbeat.is_alive()
    heartbeat.give()
    assert heartbeat.is_alive()
    long_ago = (tmp_path / "sign").stat().st_mtime - heartbeat.SILENCE
    os.utime(tmp_path / "sign", (long_ago, long_ago))
    assert not heartbeat.is_alive()


def test_a_port_that_is_taken_costs_the_metrics_and_nothing_else(written):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert exposition.opened(port) is None
    [line] = written.lines
    assert str(port) in line["message"]
    assert exposition.opened(0) is None


def test_a_place_is_free_again_when_its_process_is_gone(tmp_path):
    def in_a_process():
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, b"%d" % exposition.take_place(tmp_path))
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writing)
        with os.fdopen(reading) as said:
            return int(said.read())

    assert in_a_process() == 0
    assert in_a_process() == 0
    (tmp_path / "gauge_liveall_0.db").touch()
    exposition.forget_dead(tmp_path)
    assert not (tmp_path / "gauge_liveall_0.db").exists()
    assert exposition.take_place(tmp_path) == 0
    assert in_a_process() == 1
