"""An auditor finds any prediction: newest first, filtered, searched, at a constant cost."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
import time_machine
from django.utils.html import strip_tags

from mlcore.models import ModelVersion
from predictions.models import Prediction, Source
from predictions.services import Request, predict

LIST = "/admin/predictions/prediction/"
LONGEST = "E" * 64


@pytest.fixture
def found(as_bob):
    """The employees' references that the list shows, in its order."""

    def find(**parameters):
        answer = as_bob.get(f"{LIST}?{urlencode(parameters)}")
        assert answer.status_code == 200, answer.headers
        return [row.employee_id for row in answer.context["cl"].result_list]

    return find


def cells(page: str, column: str) -> list[str]:
    found = re.findall(rf'<t[dh] class="field-{column}[^"]*">(.*?)</t[dh]>', page, re.DOTALL)
    return [strip_tags(cell).strip() for cell in found]


def test_a_row_says_when_who_how_likely_by_which_door_and_model(as_bob, record, alice):
    with time_machine.travel(datetime(2026, 3, 4, 9, 30, tzinfo=UTC)):
        prediction = record(alice, employee_id="E-1")
    page = as_bob.get(LIST).text
    assert cells(page, "created_at") == ["4 March 2026, 09:30"]
    assert cells(page, "employee") == ["E-1"]
    assert cells(page, "risk") == [f"{prediction.probability * 100:.0f}%"]
    assert cells(page, "level") == [prediction.get_band_display()]
    assert cells(page, "origin") == ["Form"]
    assert cells(page, "version") == [prediction.model_version.version]
    assert cells(page, "requester") == ["Alice"]


def test_a_level_of_risk_has_its_mark_beside_its_word(as_bob, record, alice):
    prediction = record(alice)
    assert f'<svg class="mark band-{prediction.band}"' in as_bob.get(LIST).text


def test_the_list_speaks_french(as_bob, record, alice):
    prediction = record(alice, employee_id="")
    page = as_bob.get(LIST, headers={"Accept-Language": "fr"}).text
    assert cells(page, "risk") == [f"{prediction.probability * 100:.0f}\u00a0%"]
    assert cells(page, "employee") == ["–"]


def test_the_newest_stand_first(found, record, alice):
    for reference in ("first", "second", "third"):
        record(alice, employee_id=reference)
    assert found() == ["third", "second", "first"]
    assert found(o="1") == ["first", "second", "third"]


def test_highest_risk_first_on_request(found, record, alice):
    record(alice, employee_id="calm", over_time="No")
    record(alice, employee_id="tired", over_time="Yes")
    assert found(o="-3") == ["tired", "calm"]


class TestFilters:
    def test_by_level_of_risk(self, found, record, alice):
        predictions = [record(alice, employee_id="a", over_time="No"), record(alice)]
        for prediction in predictions:
            same = [p.employee_id for p in reversed(predictions) if p.band == prediction.band]
            assert found(band__exact=prediction.band) == same

    def test_by_source(self, found, record, alice, dave):
        record(alice, employee_id="form")
        record(dave, employee_id="api", source=Source.API)
        assert found(source__exact="api") == ["api"]

    def test_by_model(self, found, record, record_with, alice, dave, second_model):
        record(alice, employee_id="one")
        record_with(dave, employee_id="two")
        assert found(model=second_model.id) == ["two"]

    def test_by_period(self, found, record, alice):
        with time_machine.travel(datetime(2025, 12, 31, 23, tzinfo=UTC)):
            record(alice, employee_id="old")
        with time_machine.travel(datetime(2026, 1, 1, 1, tzinfo=UTC)):
            record(alice, employee_id="new")
        assert found(created_at__gte="2026-01-01 00:00:00+00:00") == ["new"]

    def test_by_year_month_and_day(self, found, record, alice):
        for day in (datetime(2025, 5, 1), datetime(2026, 5, 1), datetime(2026, 5, 2)):
            with time_machine.travel(day.replace(tzinfo=UTC)):
                record(alice, employee_id=f"{day:%Y-%m-%d}")
        assert found(created_at__year=2026) == ["2026-05-02", "2026-05-01"]
        may = {"created_at__year": 2026, "created_at__month": 5}
        assert found(**may, created_at__day=1) == ["2026-05-01"]

    def test_by_the_file_that_they_came_with(self, as_bob, found, record, alice, file):
        record(alice, employee_id="by form")
        assert sorted(found(file=file.pk)) == ["P-1", "P-2"]
        assert "people.csv" in strip_tags(as_bob.get(f"{LIST}?file={file.pk}").text)
        assert found(file=file.pk, band__exact="none") == []

    def test_several_at_once(self, found, record, alice, dave):
        for number, person in enumerate((alice, dave, alice)):
            source = Source.API if person is dave else Source.FORM
            record(person, employee_id=f"E-{number}", source=source)
        band = record(alice, employee_id="F-3").band
        assert found(source__exact="form", band__exact=band, q="E-") == ["E-2", "E-0"]
        assert found(source__exact="api", model=ModelVersion.objects.get().pk) == ["E-1"]

    def test_nothing_is_counted_beside_the_filters(self, as_bob, record, alice):
        """That would read everything for each of them."""
        record(alice)
        page = as_bob.get(f"{LIST}?_facets=True").text
        assert "Show counts" not in page
        assert f"{ModelVersion.objects.get().version} (" not in page


class TestMany:
    """More than are counted."""

    @pytest.fixture(autouse=True)
    def _few_are_counted(self, monkeypatch):
        monkeypatch.setattr("predictions.search.COUNTED", 120)

    @pytest.fixture
    def many(self, record, alice):
        for number in range(130):
            record(alice, employee_id=f"E-{number:03}", over_time="Yes" if number == 7 else "No")

    def test_it_says_that_there_are_more(self, as_bob, many):
        page = as_bob.get(LIST).text
        assert "More than 120 predictions: filter or search" in page
        assert "Select all that were found" in page
        assert "Select all 120" not in page
        assert len(cells(page, "employee")) == 50

    def test_pages_go_as_far_as_that(self, as_bob, found, many):
        assert found(p=2) == [f"E-{number:03}" for number in range(79, 29, -1)]
        assert found(p=3, o="1") == [f"E-{number:03}" for number in range(100, 130)] + []
        assert as_bob.get(f"{LIST}?p=4").status_code == 302

    def test_it_stays_sorted_by_date_and_says_so(self, as_bob, found, many):
        assert found(o="-3")[0] == "E-129"
        assert "too many to sort" in as_bob.get(f"{LIST}?o=-3").text
        assert found(o="-3", q="E-00")[0] == "E-007"

    def test_what_is_found_in_full_is_counted(self, as_bob, many):
        assert "10 predictions" in as_bob.get(f"{LIST}?q=E-00").text


class TestDates:
    def test_years_then_months_then_days(self, as_bob, record, alice):
        for day in (datetime(2024, 11, 30), datetime(2026, 2, 3)):
            with time_machine.travel(day.replace(tzinfo=UTC)):
                record(alice)
        years = re.findall(r'<a href="[^"]*">(\d{4})</a>', as_bob.get(LIST).text)
        assert years == ["2024", "2025", "2026"]
        months = as_bob.get(f"{LIST}?created_at__year=2026&band__exact=low").text
        assert "January 2026" in months
        assert "March 2026" not in months
        assert "band__exact=low" in re.search(r'href="([^"]*)">January 2026', months)[1]
        days = as_bob.get(f"{LIST}?created_at__year=2026&created_at__month=2").text
        assert "February 3" in days
        assert "February 4" not in days
        day = f"{LIST}?created_at__year=2026&created_at__month=2&created_at__day=3"
        assert "February 2026" in as_bob.get(day).text

    def test_one_year_begins_with_its_months(self, as_bob, record, alice):
        with time_machine.travel(datetime(2026, 2, 3, tzinfo=UTC)):
            record(alice)
        page = as_bob.get(LIST).text
        assert "February 2026" in page
        assert "All dates" not in page

    def test_none_when_there_is_nothing(self, as_bob, db):
        assert as_bob.get(LIST).status_code == 200


class TestSearch:
    def test_by_the_beginning_of_the_reference(self, found, record, alice):
        for reference in ("E-1", "E-12", "F-1"):
            record(alice, employee_id=reference)
        assert found(q="E-1") == ["E-12", "E-1"]
        assert found(q="-1") == []

    def test_by_the_number_of_the_prediction(self, found, record, alice):
        wanted = record(alice, employee_id="wanted")
        record(alice)
        assert found(q=str(wanted.pk)) == ["wanted"]
        assert found(q=f"  {wanted.pk.hex.upper()} ") == ["wanted"]

    def test_by_the_number_of_the_request(self, found, record, alice):
        record(alice, employee_id="wanted")
        assert found(q="test-request") == ["wanted"]
        assert found(q="test-reques") == []

    def test_a_request_number_that_looks_like_a_prediction_s_is_found(
        self, found, active_model, alice, employee
    ):

        number = "0f8fad5bd9cb469fa165708677289501"
        predict(
            active_model.schema.clean(employee),
            using=active_model,
            request=Request(requested_by=alice, source=Source.API, request_id=number),
        )
        assert found(q=number) == ["E-1024"]

    def test_by_the_number_of_the_request_that_brought_a_file(self, found, record, alice, file):
        record(alice, employee_id="by form")
        assert sorted(found(q="the-upload")) == ["P-1", "P-2"]

    @pytest.mark.parametrize("reference", ["100%", "a_b", "a\\b", "Élodie", "O'Neil", LONGEST])
    def test_a_reference_is_taken_as_it_is_written(self, found, record, alice, reference):
        record(alice, employee_id="100 axb Elodie")
        record(alice, employee_id=reference)
        assert found(q=reference) == [reference]

    @pytest.mark.parametrize(
        "junk", ["%", "_", "'; DROP TABLE x", "\\", "{}", "x" * 5000, "😀", "\ufffe", "٣", "-1"]
    )
    def test_junk_finds_nothing(self, found, record, alice, junk):
        record(alice)
        assert found(q=junk) == []

    def test_a_null_character_is_refused_in_words(self, as_bob, record, alice):
        record(alice)
        answer = as_bob.get(f"{LIST}?q=%00")
        assert answer.status_code == 200
        assert "Null characters are not allowed." in answer.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("model=junk", 302),
        ("model=0", 302),
        ("model=99999999999999999999", 302),
        ("model=%00", 400),
        ("file=99999999", 302),
        ("file=-1", 302),
        ("file=junk", 302),
        ("file=", 200),
        (f"file={'9' * 30}", 302),
        (f"file={'9' * 5000}", 302),
        ("file=1&file=2", 302),
        ("file=%00", 400),
        ("band__exact=purple", 200),
        ("band__exact=%00", 400),
        ("band__regex=((", 400),
        ("source__exact=%F0%9F%98%80", 200),
        ("created_at__gte=junk", 302),
        ("created_at__year=junk", 302),
        ("created_at__year=99999", 302),
        ("created_at__year=2026&created_at__month=13", 302),
        ("created_at__year=2026&created_at__month=2&created_at__day=30", 302),
        ("inputs__contains=x", 400),
        ("probability__gt=x", 400),
        ("nonsense=1", 400),
        ("p=junk", 200),
        ("p=999999", 200),
        ("p=-1", 200),
        ("o=junk", 200),
        ("o=99.99", 200),
        ("o=-", 200),
        ("_facets=1&all=1", 200),
    ],
)
def test_a_meddled_address_is_refused_or_corrected(as_bob, record, alice, query, status):
    record(alice)
    assert as_bob.get(f"{LIST}?{query}").status_code == status


def test_a_password_cannot_be_guessed_through_a_filter(as_bob, record, alice):
    record(alice)
    answer = as_bob.get(f"{LIST}?requested_by__password__startswith=!")
    assert answer.status_code == 400


def test_the_list_takes_six_queries_however_many_rows(as_bob, capture_queries, record, alice, dave):
    record(alice)
    first = capture_queries(as_bob, LIST)
    # The session, the person, how many, the page, the first and last date, the models' names.
    assert len(first) == 6
    for number in range(30):
        record(dave if number % 2 else alice, employee_id=f"E-{number}")
    assert len(capture_queries(as_bob, LIST)) == 6


def test_a_search_costs_three_more(as_bob, capture_queries, record, alice):
    """Is it the number of a file's request, or of anything; and the rows after their keys."""
    for _row in range(20):
        record(alice)
    assert len(capture_queries(as_bob, f"{LIST}?q=E-1")) == 9


def test_the_list_reads_no_inputs_no_contributions_and_no_schema(
    as_bob, capture_queries, record, alice
):
    record(alice)
    queries = "\n".join(capture_queries(as_bob, LIST))
    for column in ("inputs", "contributions", "audit_attributes", "schema", "card"):
        assert f'"{column}"' not in queries


def test_long_references_and_many_rows_come_in_pages(as_bob, record, alice):
    for _row in range(51):
        record(alice, employee_id=LONGEST)
    assert Prediction.objects.count() == 51
    assert len(cells(as_bob.get(LIST).text, "employee")) == 50
    assert len(cells(as_bob.get(f"{LIST}?p=2").text, "employee")) == 1
