"""The history: everything that was assessed, newest first, filtered by the address."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from predictions.models import Source
from predictions.models.batch import Batch, BatchState
from predictions.services import Request, record_frame

HISTORY = "/predictions/"


@pytest.fixture
def as_bob(bob):
    client = Client()
    client.force_login(bob)
    return client


def listed(response):
    page = response.context.get("page")
    return [prediction.employee_id for prediction in page.rows] if page else []


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


def link(response, relation):
    """Where the page before (`prev`) or after (`next`) is, or None."""
    found = re.search(rf'rel="{relation}" href="([^"]*)"', response.content.decode())
    return found and HISTORY + html.unescape(found[1])


@pytest.fixture
def many(alice, record):
    """Makes E-000, E-001, … by the form, each a second after the one before."""

    def make(count, start=0):
        begin = datetime(2026, 3, 1, tzinfo=UTC)
        for number in range(start, start + count):
            with time_machine.travel(begin + timedelta(seconds=number), tick=False):
                record(alice, employee_id=f"E-{number:03}")

    return make


def numbers(response):
    return [int(employee.removeprefix("E-")) for employee in listed(response)]


class TestPages:
    def test_they_keep_their_filters(self, as_alice, many):
        many(53)
        first = as_alice.get(f"{HISTORY}?source=form")
        assert "53 assessments, newest first" in text_of(first)
        assert link(first, "prev") is None
        second = as_alice.get(link(first, "next"))
        assert "source=form" in link(second, "prev")
        assert "53 assessments, newest first" in text_of(second)
        assert numbers(second) == [2, 1, 0]
        assert link(second, "next") is None

    def test_they_go_there_and_back(self, as_alice, many):
        many(120)
        pages = [as_alice.get(HISTORY)]
        while address := link(pages[-1], "next"):
            pages.append(as_alice.get(address))
        assert [numbers(page)[0] for page in pages] == [119, 69, 19]
        assert [n for page in pages for n in numbers(page)] == list(range(119, -1, -1))
        back = as_alice.get(link(pages[-1], "prev"))
        assert numbers(back) == numbers(pages[1])
        assert numbers(as_alice.get(link(back, "prev"))) == numbers(pages[0])

    def test_a_page_keeps_its_place_when_rows_come(self, as_alice, many):
        many(60)
        address = link(as_alice.get(HISTORY), "next")
        before = numbers(as_alice.get(address))
        many(20, start=60)
        assert numbers(as_alice.get(address)) == before

    def test_the_newest_page_is_whole(self, as_alice, many):
        many(60)
        second = as_alice.get(link(as_alice.get(HISTORY), "next"))
        many(3, start=60)
        newest = as_alice.get(link(second, "prev"))
        newest = as_alice.get(link(newest, "prev")) if link(newest, "prev") else newest
        assert numbers(newest) == list(range(62, 12, -1))

    def test_rows_of_one_moment_neither_repeat_nor_go_missing(self, as_alice, alice, record):
        with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False):
            for number in range(110):
                record(alice, employee_id=f"E-{number:03}")
        page, seen = as_alice.get(HISTORY), []
        while True:
            seen += numbers(page)
            if not (address := link(page, "next")):
                break
            page = as_alice.get(address)
        assert sorted(seen) == list(range(110))

    @pytest.mark.parametrize("place", ["junk", "", "%00", "bl8wXzA=", "%C3%A9"])
    def test_a_place_that_is_none_is_the_first_page(self, as_alice, three, place):
        assert listed(as_alice.get(f"{HISTORY}?cursor={place}")) == ["F-3", "E-2", "E-1"]

    def test_so_many_are_counted_and_no_more(self, as_alice, many, monkeypatch):
        monkeypatch.setattr("predictions.search.COUNTED", 5)
        monkeypatch.setattr("predictions.views.COUNTED", 5)
        many(5)
        assert "5 assessments, newest first" in text_of(as_alice.get(HISTORY))
        many(1, start=5)
        for query in ("", "source=form", "created_from=2026-03-01", "employee_id=E-"):
            page = text_of(as_alice.get(f"{HISTORY}?{query}"))
            assert "More than 5 assessments, newest first" in page, query

    def test_a_search_goes_so_far_and_then_asks(self, as_alice, many, alice, record, monkeypatch):
        """A beginning that many references share, and few of them lately."""
        monkeypatch.setattr("predictions.search.COUNTED", 5)
        monkeypatch.setattr("predictions.search._NEAR", 4)
        monkeypatch.setattr("predictions.search._ENTRIES", 10)
        many(12)
        with time_machine.travel(datetime(2026, 3, 2, tzinfo=UTC), tick=True):
            for number in range(25):
                record(alice, employee_id=f"F-{number}")
        page, pages = as_alice.get(f"{HISTORY}?employee_id=E-"), 1
        assert listed(page) == []
        assert "No assessment matches among those looked at" in text_of(page)
        found = []
        while address := link(page, "next"):
            page = as_alice.get(address)
            found += numbers(page)
            pages += 1
        assert found == list(range(11, -1, -1))
        assert pages == 4
        back = []
        while address := link(page, "prev"):
            page = as_alice.get(address)
            back = numbers(page) + back
            assert len(back) <= 24
        assert set(found) <= set(back) | set(found)


def test_queries_do_not_grow_with_the_rows(as_alice, alice, record, django_assert_num_queries):
    record(alice)
    with django_assert_num_queries(5):  # session, person, count, rows, the files to choose from
        as_alice.get(HISTORY)
    for _ in range(20):
        record(alice)
    with django_assert_num_queries(5):
        as_alice.get(HISTORY)


@pytest.mark.parametrize(
    "query",
    [
        "employee_id=E-",
        "band=high&band=low&source=form",
        "model_version=none",
        "created_from=2026-03-01&source=api&employee_id=E",
    ],
)
def test_a_filter_costs_four_more_at_most(
    as_alice, alice, record, django_assert_max_num_queries, query
):
    for number in range(20):
        record(alice, employee_id=f"E-{number}")
    with django_assert_max_num_queries(9):
        as_alice.get(f"{HISTORY}?{query}")


class TestFiles:
    @pytest.fixture
    def file(self, alice, active_model):
        """A file of three people; the third was refused."""
        begun = datetime(2026, 3, 2, 12, tzinfo=UTC)
        batch = Batch.objects.create(
            name="people.csv",
            size=1,
            uploaded_by=alice,
            state=BatchState.DONE,
            model_version_id=active_model.id,
            started_at=begun,
            finished_at=begun + timedelta(minutes=1),
        )
        frame = active_model.schema.clean_frame(
            {"employee_id": ["P-1", "P-2"], "over_time": ["Yes", "No"]}
        )
        request = Request(requested_by=alice, source=Source.FILE, request_id="r")
        with time_machine.travel(begun + timedelta(seconds=30), tick=False):
            record_frame(
                frame,
                active_model.model.score_frame(frame),
                using=active_model,
                request=request,
                batch=batch,
                rows=[2, 3],
                groups={"Site": ["Lyon", "=Paris"]},
            )
            batch.chunks.create(number=0, rows=3, accepted=2, refused=1, done_at=timezone.now())
        return batch

    def test_a_row_leads_to_the_file_that_it_came_with(self, as_alice, file):
        page = as_alice.get(HISTORY)
        assert f'href="/batches/{file.pk}/"' in page.content.decode()
        assert "people.csv line 3" in text_of(page)

    def test_the_rows_of_one_file(self, as_alice, file, three):
        page = as_alice.get(f"{HISTORY}?batch={file.pk}")
        assert sorted(listed(page)) == ["P-1", "P-2"]
        assert "2 assessments, newest first" in text_of(page)
        assert "people.csv (2 March 2026)" in text_of(page)
        assert listed(as_alice.get(f"{HISTORY}?batch={file.pk}&employee_id=P-2")) == ["P-2"]
        assert listed(as_alice.get(f"{HISTORY}?batch={file.pk}&source=form")) == []
        assert listed(as_alice.get(f"{HISTORY}?batch={file.pk}&model_version=x")) == []

    def test_a_file_stays_chosen_though_many_came_since(self, as_alice, file, alice):
        for number in range(31):
            Batch.objects.create(
                name=f"{number}.csv",
                size=1,
                uploaded_by=alice,
                state=BatchState.DONE,
                started_at=file.started_at + timedelta(days=1),
                finished_at=file.finished_at + timedelta(days=1),
            )
        assert "people.csv" not in as_alice.get(f"{HISTORY}?source=api").content.decode()
        page = as_alice.get(f"{HISTORY}?batch={file.pk}").content.decode()
        assert f'<option value="{file.pk}" selected>people.csv' in page

    def test_others_at_the_same_time_are_not_of_the_file(self, as_alice, file, alice, record):
        with time_machine.travel(datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC), tick=False):
            record(alice, source=Source.FILE, employee_id="other")
        assert sorted(listed(as_alice.get(f"{HISTORY}?batch={file.pk}"))) == ["P-1", "P-2"]

    @pytest.mark.parametrize("query", ["", "&band=low&band=very_high&band=high&band=moderate"])
    @pytest.mark.parametrize(
        ("started", "finished"),
        [
            (0, 10),  # stopped while its last chunk was recorded
            (300, 400),  # begun by a machine whose clock is ahead
            (-400, -300),
        ],
    )
    def test_its_rows_are_found_whatever_the_clocks_of_others_say(
        self, as_alice, as_bob, file, three, query, started, finished
    ):
        begun = file.started_at
        Batch.objects.filter(pk=file.pk).update(
            started_at=begun + timedelta(seconds=started),
            finished_at=begun + timedelta(seconds=finished),
        )
        page = as_alice.get(f"{HISTORY}?batch={file.pk}{query}")
        assert sorted(listed(page)) == ["P-1", "P-2"]
        audit = as_bob.get(f"/admin/predictions/prediction/?file={file.pk}")
        assert audit.context["cl"].result_count == 2

    @pytest.mark.parametrize("junk", ["0", "x", "9" * 30, "%00", "-1", "1.5"])
    def test_a_file_that_is_none_is_an_error_at_its_field(self, as_alice, file, junk):
        page = as_alice.get(f"{HISTORY}?batch={junk}")
        assert page.status_code == 200
        assert "field-error" in page.content.decode()

    def test_one_that_was_never_begun_is_none(self, as_alice, alice, active_model):
        draft = Batch.objects.create(name="draft.csv", size=1, uploaded_by=alice)
        assert "field-error" in as_alice.get(f"{HISTORY}?batch={draft.pk}").content.decode()
        assert "draft.csv" not in as_alice.get(HISTORY).content.decode()


def test_the_assessments_of_one_person_lead_to_them_over_time(as_alice, alice, record):
    record(alice, employee_id="E & 1")
    record(alice, employee_id="F")
    address = 'href="/predictions/employee/?reference=E%20%26%201"'
    assert address not in as_alice.get(HISTORY).content.decode()
    assert address in as_alice.get(f"{HISTORY}?employee_id=E").content.decode()


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
    with django_assert_num_queries(5):  # session, person, whose and of which files, models, rows
        download()
    for _ in range(20):
        record(alice)
    with django_assert_num_queries(5):
        download()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("person", "expected"),
    [("alice", 200), ("bob", 200), ("carol", 200), ("dave", 403), ("erin", 403)],
)
def test_who_may_read_the_history(client, request, person, expected):
    client.force_login(request.getfixturevalue(person))
    assert client.get(HISTORY).status_code == expected
