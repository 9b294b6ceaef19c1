"""GET models/active: what the active model asks, and how good it is."""

from __future__ import annotations

import pytest

from mlcore.engine import describe
from tests.api.conftest import Api

ADDRESS = "/api/v1/models/active"


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "dave"])
def test_every_role_reads_it(request, active_model, person):
    answer = Api(request.getfixturevalue(person)).get(ADDRESS).json()
    artifact = active_model.artifact
    assert answer == {
        "version": active_model.version,
        "sha256": artifact.sha256,
        "title": artifact.card["title"]["en"],
        "base_rate": artifact.model.base_rate,
        "threshold": artifact.operating_point.threshold,
        "bands": {
            "low": 0.0,
            "moderate": artifact.operating_point.bounds[0],
            "high": artifact.operating_point.threshold,
            "very_high": artifact.operating_point.bounds[2],
        },
        "schema": describe.json_schema(active_model.schema),
        "card": artifact.card,
    }


def test_without_a_role_it_is_closed(erin, active_model):
    Api(erin).get(ADDRESS, expect=403)


def test_it_speaks_the_readers_language(api, active_model):
    answer = api.get(ADDRESS, headers={"Accept-Language": "fr"}).json()
    assert answer["title"] == active_model.artifact.card["title"]["fr"]
    assert answer["schema"] == describe.json_schema(active_model.schema, "fr")


def test_it_costs_one_query(api, django_assert_num_queries):
    api.get(ADDRESS)
    with django_assert_num_queries(1):  # the person
        api.get(ADDRESS)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_is_changed_here(api, method):
    response = getattr(api.client, method)(ADDRESS, headers=api.headers)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"
