"""Requests that the API's own document forbids, made and judged by Schemathesis' engine."""

from __future__ import annotations

from collections.abc import Iterator

import schemathesis
from schemathesis.config import GenerationConfig, SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import Interaction
from schemathesis.generation import GenerationMode

from tests.reliability.installation import Web

# What is accepted, and what refused, tests/api/test_schemathesis.py judges: it knows the rules that
# no JSON Schema can say.
_JUDGED_ELSEWHERE = ("positive_data_acceptance", "negative_data_rejection")


def interactions(web: Web, *, seed: int, examples: int, bounds: bool) -> Iterator[Interaction]:
    """What was sent and what was answered: so many random examples for each operation, operations
    that follow from one another, and with `bounds` what lies at and beyond every bound of the
    document. Raises AssertionError for an answer that the document does not describe.
    """
    schema = schemathesis.openapi.from_url(
        f"http://127.0.0.1:{web.port}/api/v1/schema", config=SchemathesisConfig(seed=seed)
    )
    schema.config.headers = {"Authorization": f"Bearer {web.token}"}
    schema.config.continue_on_failure = True
    schema.config.generation = GenerationConfig(
        modes=[GenerationMode.NEGATIVE], max_examples=examples
    )
    schema.config.phases.coverage.enabled = bounds
    for name in _JUDGED_ELSEWHERE:
        getattr(schema.config.checks, name).enabled = False
    found = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            yield from event.recorder.interactions.values()
            found += [
                f"{check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.status == Status.FAILURE
                and check.failure_info
                # The web server refuses an address that is too long before the API sees it.
                and "Received: 414" not in str(check.failure_info.failure)
            ]
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.NonFatalError):
            found.append(f"{event.label}: {event.value!r}")
    assert not found, f"seed {seed}:\n" + "\n".join(found)
