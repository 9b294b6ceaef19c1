"""GET predict/history: what was answered, newest first, to whom it concerns."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.roles import Role
from predictions.models import Prediction, Source
from tests.accounts.factories import make_person
from tests.api.conftest import Api, codes

ADDRESS = "/api/v1/predict/history"

FIELDS = {
    "prediction_id",
    "employee_id",
    "prediction",
    "label",
    "probability",
    "threshold",
    "risk_band",
    "base_rate",
    "model_version",
    "created_at",
    "source",
    "requested_by",
    "request_id",
}


def references(response):
    return [row["employee_id"] for row in response.json()["results"]]


@pytest.fixture
def rows(record, dave):
    """Makes dave's predictions E-0, E-1, …, each a minute after the one before."""

    def make(count, user=dave, start=datetime(2026, 3, 1, 12, tzinfo=UTC), **values):
        made = []
        for n in range(count):
            with time_machine.travel(start + timedelta(minutes=n), tick=False):
                made.append(record(user, **{"employee_id": f"E-{n}"} | values))
        return made

    return make


# ------------------------------------------------------------------ one page


def test_a_row_tells_the_result_and_its_origin(api, dave, record):
    made = record(dave, source=Source.API)
    body = api.get(ADDRESS).json()
    assert body.keys() == {"next", "previous", "results"}
    assert (body["next"], body["previous"]) == (None, None)
    (row,) = body["results"]
    assert row.keys() == FIELDS
    assert row["prediction_id"] == str(made.pk)
    assert row["probability"] == made.probability
    assert row["requested_by"] == "dave"
    assert row["source"] == "api"
    assert row["request_id"] == "test-request"
    assert row["model_version"] == made.model_version.version


def test_nothing_is_an_empty_page(api):
    assert api.get(ADDRESS).json() == {"next": None, "previous": None, "results": []}


def test_newest_first(api, rows):
    rows(3)
    assert references(api.get(ADDRESS)) == ["E-2", "E-1", "E-0"]


def test_its_cost_does_not_grow_with_the_rows(api, rows, django_assert_num_queries):
    rows(1)
    for count in (1, 20):
        with django_assert_num_queries(2):  # the person; the rows
            assert len(references(api.get(ADDRESS))) == count
        if count == 1:
            rows(19)


def test_the_bare_address_is_the_same_endpoint(api, rows):
    rows(1)
    assert references(api.get("/predict/history")) == ["E-0"]


# ------------------------------------------------------------------ who sees what


def test_a_program_sees_its_own(api, rows, alice):
    rows(1, user=alice, employee_id="alice's")
    rows(1, user=make_person(Role.API, username="frank"), employee_id="frank's")
    rows(1, employee_id="own")
    assert references(api.get(ADDRESS)) == ["own"]


@pytest.mark.parametrize("person", ["alice", "bob", "carol"])
def test_who_reads_the_history_sees_all(request, rows, person):
    rows(2)
    assert len(references(Api(request.getfixturevalue(person)).get(ADDRESS))) == 2


def test_without_a_role_nothing_is_seen(rows, erin):
    (made,) = rows(1)
    Api(erin).get(ADDRESS, expect=403)
    Api(erin).get(f"{ADDRESS}/{made.pk}", expect=403)


# ------------------------------------------------------------------ one prediction


def test_one_prediction_with_its_explanation(api, employee, django_assert_num_queries):
    posted = api.post("/api/v1/predict/attrition", employee, expect=201).json()
    with django_assert_num_queries(2):  # the person; the prediction with its model
        read = api.get(f"{ADDRESS}/{posted['prediction_id']}").json()
    assert read.keys() == FIELDS | posted.keys()
    assert read.items() >= posted.items()


def test_it_is_read_in_the_readers_language(api, record, dave, active_model):
    made = record(dave)
    answer = api.get(f"{ADDRESS}/{made.pk}", headers={"Accept-Language": "fr"}).json()
    for reason in answer["explanation"]:
        assert reason["label"] == active_model.schema.by_name[reason["feature"]].label["fr"]


def test_a_foreign_prediction_is_not_there(api, rows, alice, active_model):
    (foreign,) = rows(1, user=alice)
    there = api.get(f"{ADDRESS}/{foreign.pk}", expect=404).json()
    absent = api.get(f"{ADDRESS}/{'0' * 8}-0000-7000-8000-{'0' * 12}", expect=404).json()
    different = {"instance", "request_id"}
    assert {k: there[k] for k in there.keys() - different} == {
        k: absent[k] for k in absent.keys() - different
    }


@pytest.mark.parametrize("junk", ["7", "not-a-uuid", "%00", "../attrition"])
def test_an_id_that_is_none_is_not_there(api, junk):
    api.get(f"{ADDRESS}/{junk}", expect=404)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_nothing_is_changed_here(api, record, dave, method):
    made = record(dave)
    for address in (ADDRESS, f"{ADDRESS}/{made.pk}"):
        response = getattr(api.client, method)(address, headers=api.headers)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"
    assert Prediction.objects.count() == 1


# ------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["E-11", "E-1"]),
        ({"employee_id": "E-1"}, ["E-1"]),
        ({"employee_id": "e-1"}, []),
        ({"source": "api"}, ["E-11"]),
        ({"source": ["api", "form"]}, ["E-11", "E-1"]),
        ({"created_from": "2026-03-02"}, ["E-11"]),
        ({"created_to": "2026-03-01"}, ["E-1"]),
        ({"created_from": "2026-03-01", "created_to": "2026-03-02"}, ["E-11", "E-1"]),
        ({"created_from": "0001-01-01", "created_to": "9999-12-31"}, ["E-11", "E-1"]),
        ({"created_to": "0001-01-01"}, []),
        ({"created_from": "9999-12-31"}, []),
        ({"model_version": "another"}, []),
    ],
)
def test_filters_narrow_down(api, record, dave, query, expected):
    for day, reference, source in ((1, "E-1", Source.FORM), (2, "E-11", Source.API)):
        with time_machine.travel(datetime(2026, 3, day, 23, 59, tzinfo=UTC), tick=False):
            record(dave, employee_id=reference, source=source)
    assert references(api.get(ADDRESS, query)) == expected


def test_filter_by_level_and_model(api, record, dave, active_model):
    made = record(dave)
    other = next(band for band in ("low", "high") if band != made.band)
    assert len(references(api.get(ADDRESS, {"band": [made.band, other]}))) == 1
    assert references(api.get(ADDRESS, {"band": other})) == []
    assert len(references(api.get(ADDRESS, {"model_version": active_model.version}))) == 1


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "UTC"])
def test_the_calendars_ends_are_days_too(api, rows, settings, zone):
    rows(1)
    settings.TIME_ZONE = zone
    api.get(ADDRESS, {"created_from": "0001-01-01", "created_to": "9999-12-31"})
    api.get(ADDRESS, {"created_from": "9999-12-31", "created_to": "9999-12-31"})
    api.get(ADDRESS, {"created_from": "0001-01-01", "created_to": "0001-01-01"})


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"band": "extreme"}, "band", "invalid_choice"),
        ({"source": "\x00"}, "source", "invalid_choice"),
        ({"employee_id": "a\x00b"}, "employee_id", "null_characters_not_allowed"),
        ({"employee_id": "x" * 65}, "employee_id", "max_length"),
        ({"model_version": "\x00"}, "model_version", "null_characters_not_allowed"),
        ({"created_from": "yesterday"}, "created_from", "invalid"),
        ({"created_to": "31/12/2026"}, "created_to", "invalid"),
        ({"created_to": "2026-02-30"}, "created_to", "invalid"),
        ({"page_size": "0"}, "page_size", "out_of_range"),
        ({"page_size": "101"}, "page_size", "out_of_range"),
        ({"page_size": "-1"}, "page_size", "out_of_range"),
        ({"page_size": "ten"}, "page_size", "out_of_range"),
        ({"page_size": "9" * 5000}, "page_size", "out_of_range"),
        ({"page_size": "²"}, "page_size", "out_of_range"),
        ({"bnad": "high"}, "bnad", "unknown_field"),
        ({"employee_id": ""}, "employee_id", "blank"),
        ({"created_to": " "}, "created_to", "blank"),
        ({"format": "json"}, "format", "unknown_field"),
        ({"created_from": "2026-03-02", "created_to": "2026-03-01"}, "created_to", "out_of_order"),
        ({"employee_id": ["A", "B"]}, "employee_id", "repeated"),
        ({"employee_id": ["A", "A"]}, "employee_id", "repeated"),
        ({"created_to": ["2026-03-01", "2026-03-02"]}, "created_to", "repeated"),
        ({"model_version": ["one", "two"]}, "model_version", "repeated"),
        ({"page_size": ["1", "2"]}, "page_size", "repeated"),
        ({"cursor": ["", "x"]}, "cursor", "blank"),
        ({"cursor": ["x", "y"]}, "cursor", "repeated"),
        ({"band": ["", "high"]}, "band", "blank"),
        ({"source": ["api", ""]}, "source", "blank"),
    ],
)
def test_a_filter_that_cannot_be_read(api, query, field, code):
    assert codes(api.get(ADDRESS, query, expect=400)) == {field: code}


# ------------------------------------------------------------------ pages


def walk(api, query, link):
    """The references of each page, following `link` from `query`."""
    pages, address = [], None
    while True:
        response = api.get(address) if address else api.get(ADDRESS, query)
        pages.append(references(response))
        address = response.json()[link]
        if not address:
            return pages, response


def test_pages_go_there_and_back(api, rows):
    rows(7)
    forth, last = walk(api, {"page_size": 3}, "next")
    assert forth == [["E-6", "E-5", "E-4"], ["E-3", "E-2", "E-1"], ["E-0"]]
    back, first = [], last
    while address := first.json()["previous"]:
        first = api.get(address)
        back.append(references(first))
    assert back == [["E-3", "E-2", "E-1"], ["E-6", "E-5", "E-4"]]
    assert first.json()["next"]


def test_a_full_last_page_has_no_next(api, rows):
    rows(4)
    pages, _ = walk(api, {"page_size": 2}, "next")
    assert pages == [["E-3", "E-2"], ["E-1", "E-0"]]


def test_rows_of_one_moment_neither_repeat_nor_go_missing(api, record, dave):
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False):
        for n in range(7):
            record(dave, employee_id=f"E-{n}")
    pages, _ = walk(api, {"page_size": 2}, "next")
    assert sorted(row for page in pages for row in page) == [f"E-{n}" for n in range(7)]


def test_new_rows_do_not_disturb_a_walk(api, rows):
    rows(4)
    first = api.get(ADDRESS, {"page_size": 2}).json()
    rows(3, start=datetime(2026, 4, 1, tzinfo=UTC), employee_id="new")
    second = api.get(first["next"])
    assert references(second) == ["E-1", "E-0"]
    assert references(api.get(second.json()["previous"])) == ["E-3", "E-2"]


def test_a_walk_keeps_its_filters(api, rows):
    rows(4, employee_id="mine")
    rows(2, employee_id="other")
    pages, _ = walk(api, {"page_size": 3, "employee_id": "mine"}, "next")
    assert pages == [["mine"] * 3, ["mine"]]


def test_fifty_rows_unless_asked(api, rows):
    rows(51)
    assert len(references(api.get(ADDRESS))) == 50


def cursor(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


PK = "0" * 32


@pytest.mark.parametrize(
    "tampered",
    [
        "junk",
        "é",
        "====",
        "\x00",
        cursor("n"),
        cursor("n_0"),
        cursor(f"x_0_{PK}"),
        cursor(f"n_then_{PK}"),
        cursor("n_0_zero"),
        cursor(f"n_{'9' * 17}0000_{PK}"),
        cursor(f"n_{'9' * 400}_{PK}"),
        cursor(f"n_{'9' * 5000}_{PK}"),
        cursor(f"n_-{'9' * 20}_{PK}"),
        cursor(f"n_0_{PK}_0"),
        cursor("p=2026-01-01"),
    ],
)
def test_a_tampered_cursor_is_refused(api, rows, tampered):
    rows(1)
    response = api.get(ADDRESS, {"cursor": tampered}, expect=400)
    assert codes(response) == {"cursor": "invalid"}


def test_a_cursor_opens_no_foreign_rows(api, rows, alice):
    rows(3, user=alice)
    given = Api(alice).get(ADDRESS, {"page_size": 1}).json()["next"]
    assert references(api.get(given)) == []
