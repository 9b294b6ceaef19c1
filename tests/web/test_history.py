"""The history: everything that was assessed, newest first, filtered by the address."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import time_machine

from predictions.models import Source

HISTORY = "/predictions/"


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


def listed(response):
    return [prediction.employee_id for prediction in response.context["page"].object_list]


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def three(alice, carol, record):
    """Three assessments on three days, by three doors."""
    days = [
        (1, "E-1", Source.FORM, "Yes"),
        (2, "E-2", Source.API, "No"),
        (3, "F-3", Source.FILE, "No"),
    ]
    for day, employee, source, over_time in days:
        with time_machine.travel(datetime(2026, 3, day, 12, tzinfo=UTC), tick=False):
            record(
                alice,
                employee_id=employee,
                source=source,
                over_time=over_time,
                stock_option_level=0 if over_time == "Yes" else 1,
            )


def test_newest_first(as_alice, three):
    assert listed(as_alice.get(HISTORY)) == ["F-3", "E-2", "E-1"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("employee_id=E-", ["E-2", "E-1"]),
        ("employee_id=F-3", ["F-3"]),
        ("source=form", ["E-1"]),
        ("source=form&source=api", ["E-2", "E-1"]),
        ("created_from=2026-03-02", ["F-3", "E-2"]),
        ("created_to=2026-03-02", ["E-2", "E-1"]),
        ("created_from=2026-03-02&created_to=2026-03-02", ["E-2"]),
        ("band=very_high&band=high", ["E-1"]),
        ("employee_id=nobody", []),
    ],
)
def test_filters_narrow(as_alice, three, query, expected):
    assert listed(as_alice.get(f"{HISTORY}?{query}")) == expected


@pytest.mark.parametrize(
    "query", ["created_from=soon", "band=purple", "source=%00", "employee_id=%00", "page=x"]
)
def test_a_filter_that_cannot_be_read_is_an_error_on_the_page(as_alice, three, query):
    answer = as_alice.get(f"{HISTORY}?{query}")
    assert answer.status_code == 200
    if not query.startswith("page"):
        assert listed(answer) == []
        assert "field-error" in answer.content.decode()


def test_an_empty_history_says_how_to_begin(as_alice, db):
    page = text_of(as_alice.get(HISTORY))
    assert "Nothing has been assessed yet." in page
    assert "Assess an employee" in page


def test_a_filter_without_a_match_says_so(as_alice, three):
    assert "No assessment matches." in text_of(as_alice.get(f"{HISTORY}?employee_id=zzz"))


def test_pages_keep_their_filters(as_alice, alice, record):
    for number in range(53):
        record(alice, employee_id=f"E-{number:03}")
    first = as_alice.get(f"{HISTORY}?source=form")
    assert "53 assessments, 1 to 50, newest first" in text_of(first)
    assert 'href="?source=form&amp;page=2"' in first.content.decode()
    assert len(listed(as_alice.get(f"{HISTORY}?source=form&page=2"))) == 3


def test_queries_do_not_grow_with_the_rows(as_alice, alice, record, django_assert_num_queries):
    record(alice)
    with django_assert_num_queries(4):  # session, person, count, rows
        as_alice.get(HISTORY)
    for _ in range(20):
        record(alice)
    with django_assert_num_queries(4):
        as_alice.get(HISTORY)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_listed_can_be_downloaded(as_alice, three, kind):
    answer = as_alice.get(f"{HISTORY}?employee_id=E-&export={kind}")
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    content = answer.getvalue()
    if kind == "csv":
        assert "E-2" in content.decode("utf-8-sig")
        assert "F-3" not in content.decode("utf-8-sig")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_download_s_queries_do_not_grow_with_the_rows(
    as_alice, alice, record, django_assert_num_queries, kind
):
    def download():
        return as_alice.get(f"{HISTORY}?export={kind}").getvalue()

    record(alice)
    with django_assert_num_queries(5):  # session, person, whose models, those models, rows
        download()
    for _ in range(20):
        record(alice)
    with django_assert_num_queries(5):
        download()


@pytest.mark.parametrize(
    ("person", "expected"),
    [("alice", 200), ("bob", 200), ("carol", 200), ("dave", 403), ("erin", 403)],
)
def test_who_may_read_the_history(client, request, person, expected):
    client.force_login(request.getfixturevalue(person))
    assert client.get(HISTORY).status_code == expected


@pytest.mark.parametrize(
    ("person", "expected", "offers"),
    [
        ("alice", 200, "Open the form"),
        ("bob", 200, "Open the audit"),
        ("carol", 200, "Open the audit"),
        ("dave", 200, "Read the API’s documentation"),
        ("erin", 403, "You have no role yet"),
    ],
)
def test_the_home_page_offers_what_the_role_allows(
    client, request, active_model, person, expected, offers
):
    client.force_login(request.getfixturevalue(person))
    answer = client.get("/")
    assert answer.status_code == expected
    assert offers in text_of(answer)


def test_without_a_model_the_home_page_says_so_and_offers_no_form(client, alice, carol):
    client.force_login(alice)
    page = text_of(client.get("/"))
    assert "no model can be used" in page
    assert "Ask an administrator to activate a model." in page
    assert "Open the form" not in page
    assert "Open the history" in page
    client.force_login(carol)
    assert "Activate one of the registered models" in text_of(client.get("/"))


def test_the_home_page_costs_three_queries(as_alice, three, django_assert_num_queries):
    with django_assert_num_queries(3):  # session, person, latest rows
        as_alice.get("/")
