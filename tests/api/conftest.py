from __future__ import annotations

import json

import pytest
from django.test import Client

from predictions.models import Prediction
from tests.people import bearer

PROBLEM = "application/problem+json"
MEDIA_TYPES = [PROBLEM]


class Api:
    """A program that speaks to the API as `user`, and insists on each answer's status."""

    def __init__(self, user=None, **client):
        self.client = Client(**client)
        self.headers = bearer(user) if user else {}

    def post(self, address, body=None, *, expect, raw=None, **extra):
        """`body` is sent as JSON; `raw` as it is."""
        headers = self.headers | extra.pop("headers", {})
        response = self.client.post(
            address,
            json.dumps(body) if raw is None else raw,
            headers=headers,
            **{"content_type": "application/json"} | extra,
        )
        return self._judge(response, expect)

    def get(self, address, query=None, *, expect=200, **extra):
        headers = self.headers | extra.pop("headers", {})
        return self._judge(self.client.get(address, query, headers=headers, **extra), expect)

    def _judge(self, response, expect):
        assert response.status_code == expect, response.content
        if expect >= 400 and "health" not in response.request["PATH_INFO"]:
            check_problem(response)
        return response


def check_problem(response):
    """Every refusal is a whole problem document."""
    assert response["Content-Type"] == PROBLEM, response.content
    document = response.json()
    assert document.keys() - {"errors"} == {
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "request_id",
    }
    assert document["type"].startswith("urn:attrition:problem:")
    assert document["status"] == response.status_code
    assert document["instance"] == response.request["PATH_INFO"]
    assert document["request_id"] == response["X-Request-ID"] != ""
    assert document["title"]
    for problems in document.get("errors", {}).values():
        for problem in problems:
            assert problem.keys() == {"code", "message"}
            assert problem["message"]


@pytest.fixture
def api(dave, active_model):
    """The API as dave, a program that may assess."""
    return Api(dave)


@pytest.fixture
def no_record(db):
    """Whatever the test does, nothing is recorded by it."""
    yield
    assert not Prediction.objects.exists()


def codes(response):
    """The first problem's code by field."""
    return {field: found[0]["code"] for field, found in response.json()["errors"].items()}
