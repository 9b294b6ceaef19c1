"""A log that cannot be written loses its lines, and nobody their answer."""

from __future__ import annotations

import contextlib
import io
import logging
import os

import pytest

from attrition_site.observability import logs
from attrition_site.observability.logs import JSONHandler, RecordFilter
from predictions.models import Prediction
from tests.conftest import EMPLOYEE
from tests.people import bearer

PREDICT = "/api/v1/predict/attrition"


def full_disk():
    return stream_to(os.open("/dev/full", os.O_WRONLY))


def pipe_that_nobody_reads():
    reading, writing = os.pipe()
    os.close(reading)
    return stream_to(writing)


def nowhere():
    """Standard error, as Python has it where it was closed before the start."""


def stream_to(file):
    return io.TextIOWrapper(os.fdopen(file, "wb", buffering=0), write_through=True)


@pytest.fixture(params=[full_disk, pipe_that_nobody_reads, nowhere])
def unwritable(request, monkeypatch):
    """Within it, the log is that of a web process outside development, and cannot be written."""

    @contextlib.contextmanager
    def unwritable():
        root = logging.getLogger()
        stream = request.param()
        handler = JSONHandler()
        handler.stream = stream
        handler.addFilter(RecordFilter())
        with monkeypatch.context() as changed:
            changed.setattr("sys.stderr", stream)
            changed.setattr(root, "handlers", [handler])
            changed.setattr(root, "level", logging.INFO)
            root.manager._clear_cache()
            yield
        root.manager._clear_cache()
        if stream is not None:
            stream.close()

    return unwritable


@pytest.fixture
def lost(monkeypatch):
    """One entry for each line that was told to be lost."""
    told = []
    monkeypatch.setattr(logs, "on_lost", [lambda: told.append("a line")])
    return told


def test_what_was_recorded_is_answered(client, dave, active_model, unwritable, lost):
    headers = bearer(dave)
    with unwritable():
        answer = client.post(PREDICT, EMPLOYEE, content_type="application/json", headers=headers)
    assert answer.status_code == 201
    assert Prediction.objects.filter(pk=answer.json()["prediction_id"]).exists()
    assert lost == ["a line"]


def test_what_is_said_besides_is_lost_without_a_word(unwritable, lost):
    with unwritable():
        logging.getLogger("attrition.files").warning("chunk recorded")
    assert lost == ["a line"]
