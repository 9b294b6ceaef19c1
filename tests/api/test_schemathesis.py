"""Schemathesis makes requests from the API's own document, good and bad, over HTTP, and judges.

Every check of its is on: no 500, no undescribed status, header, format or field; what the document
allows is accepted, what it forbids is refused; no endpoint answers without the token it asks for.
"""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from mlcore.engine.schema import ROW, SchemaError
from tests.people import bearer


@pytest.fixture
def api_schema(live_server, active_model):
    return schemathesis.openapi.from_url(f"{live_server.url}/api/v1/schema")


# What a database could make of it is tried by thousands in `tests/reliability`.
pytestmark = pytest.mark.any_database

schema = schemathesis.pytest.from_fixture("api_schema")


@schema.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_is_what_it_says(case, dave, active_model):
    case.call_and_validate(
        headers=bearer(dave), excluded_checks=list(beyond_description(case, active_model))
    )


def beyond_description(case, active_model):
    """The checks that this one request must be spared, because JSON Schema cannot say the rule."""
    if case.path.endswith("/predict/attrition") and isinstance(case.body, dict):
        try:
            active_model.schema.clean(case.body)
        except SchemaError as error:
            if error.problems.keys() == {ROW}:  # an employee of whom nothing is known
                yield positive_data_acceptance
        else:
            # Numbers are also read from text, words whatever their case, references from numbers.
            yield negative_data_rejection
    query = case.query or {}
    if any(value in ([], {}, None) for value in query.values()):
        yield negative_data_rejection  # it writes nothing into the address: what is wrong is gone
    if case.path.endswith("/predict/history"):
        if "cursor" in query:  # only the service makes one
            yield positive_data_acceptance
        elif str(query.get("created_from", "")) > str(query.get("created_to", "~")):
            yield positive_data_acceptance  # a period that ends before it begins
    if "/auth/" in case.path and isinstance(case.body, dict):
        texts = [text for text in case.body.values() if isinstance(text, str)]
        if any(not text.strip() or "\x00" in text for text in texts):
            yield positive_data_acceptance  # nothing but spaces is no name and no token
