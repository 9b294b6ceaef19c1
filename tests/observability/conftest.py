"""What the product writes, read as whoever collects it reads it."""

from __future__ import annotations

import io
import json
import logging

import pytest

from attrition_site.observability.logs import JSONFormatter, RecordFilter


class Written:
    """Lines of logs, as they leave the process."""

    def __init__(self):
        self.stream = io.StringIO()

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def lines(self):
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, message):
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture
def written():
    """Everything that is logged from INFO on, in JSON."""
    kept = Written()
    handler = logging.StreamHandler(kept.stream)
    handler.setFormatter(JSONFormatter())
    handler.addFilter(RecordFilter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield kept
    root.removeHandler(handler)
    root.setLevel(before)
