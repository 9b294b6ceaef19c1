"""What holds all other tests of this folder up: the judge notices when a promise is broken."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.reliability.traffic import judge, traffic


@pytest.fixture(scope="module")
def flow(web):
    with traffic(web, connections=2) as flow:
        flow.until_assessed_again(time.monotonic())
    return flow


def altered(flow, **changed):
    """The same traffic, but for its last answer."""
    return replace(flow, answers=[*flow.answers[:-1], replace(flow.answers[-1], **changed)])


def test_what_is_as_promised_passes(flow, place):
    assert flow.statuses().keys() == {201}
    judge(flow, place)


def test_an_answer_without_a_record_is_noticed(flow, place):
    body = flow.answers[-1].body | {"prediction_id": "00000000-0000-0000-0000-000000000000"}
    with pytest.raises(AssertionError, match="recorded: None"):
        judge(altered(flow, body=body), place)


def test_another_probability_than_the_recorded_one_is_noticed(flow, place):
    body = flow.answers[-1].body
    body = body | {"probability": body["probability"] + 1e-12}
    with pytest.raises(AssertionError, match="shown: "):
        judge(altered(flow, body=body), place)


def test_a_record_that_a_refusal_left_is_noticed(flow, place):
    headers = {"Content-Type": "application/problem+json", "Retry-After": "5"}
    body = {"status": 503, "detail": "Nothing was recorded."}
    refused = altered(flow, status=503, headers=headers, body=body)
    with pytest.raises(AssertionError, match="recorded, and not shown"):
        judge(refused, place)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": 500, "body": "", "headers": {}},
        {"status": 503, "body": "", "headers": {"Content-Type": "text/html"}},
    ],
)
def test_another_answer_than_a_problem_that_says_when_to_come_back_is_noticed(flow, place, changed):
    with pytest.raises(AssertionError):
        judge(altered(flow, **changed), place)


def test_who_was_not_answered_may_have_been_recorded(flow, place):
    judge(altered(flow, status=None, headers=None, body=None), place)
