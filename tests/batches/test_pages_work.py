"""The pages of work on a file: how far it is in words, what a try says, how it ended."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.batches import cutting, endings, jobs
from predictions.batches.progress import Progress
from predictions.batches.progress_words import told
from predictions.models import Batch, BatchState, Prediction
from tests import other_model
from tests.batches.exports_of_hr import export
from tests.batches.pages import LIST, bring, send, text_of

pytestmark = pytest.mark.usefixtures("active_model")


def progress_address(batch):
    return reverse("batches:progress", args=[batch.pk])


@pytest.fixture
def begun(as_alice):
    """A file that is being assessed, before any worker took it."""
    batch = bring(as_alice)
    send(as_alice, batch, "assess")
    batch.refresh_from_db()
    return batch


def work(batch):
    while jobs.work(batch.pk):
        pass
    batch.refresh_from_db()


# ------------------------------------------------------------------ how far it is


def at(phase="working", **known):
    values = {
        "done": 4000,
        "rows": 100_000,
        "accepted": 3990,
        "refused": 10,
        "share": 0.04,
        "rows_per_second": 15_432.1,
        "seconds_left": 6.2,
        "nobody_works": False,
    }
    return Progress(phase=phase, **values | known)


def running(state=BatchState.RUNNING):
    return Batch(state=state)


def test_work_is_told_in_rows_pace_and_time():
    now = told(running(), at())
    assert now.doing == "Assessing the employees"
    assert now.rows == "4,000 rows of 100,000 done"
    assert now.pace == "about 15,000 rows a second"
    assert now.left == "About 10 seconds left"
    assert now.accepted == "3,990 people assessed"
    assert now.refused == "10 rows refused so far"
    assert (now.percent, now.percent_text) == (4, "4%")


def test_reading_tells_only_what_is_known():
    now = told(running(), at("reading", rows=None, rows_per_second=None, seconds_left=None))
    assert (now.doing, now.rows) == ("Reading the file", "4,000 rows read so far")
    assert (now.pace, now.left, now.accepted, now.refused) == ("", "", "", "")


def test_a_try_says_that_nothing_is_recorded():
    now = told(running(BatchState.CHECKING), at())
    assert now.doing == "Trying it: nothing is recorded"
    assert now.accepted == "3,990 people could be assessed"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (float("inf"), ""),
        (1.0, "A few seconds left"),
        (21.0, "About 30 seconds left"),
        (56.0, "About 1 minute left"),
        (600.0, "About 10 minutes left"),
        (3 * 3600.0, "About 3 hours left"),
    ],
)
def test_time_left_is_said_as_people_say_it(seconds, said):
    assert told(running(), at(seconds_left=seconds)).left == said


@pytest.mark.parametrize(
    ("pace", "said"),
    [
        (None, ""),
        (0.0, ""),
        (0.51, "about 31 rows a minute"),
        (2.0, "about 2 rows a second"),
        (987.0, "about 990 rows a second"),
    ],
)
def test_a_slow_pace_is_said_by_the_minute(pace, said):
    assert told(running(), at(rows_per_second=pace)).pace == said


def test_the_page_works_without_its_script(as_alice, begun):
    page = as_alice.get(begun.get_absolute_url()).content.decode()
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "Look again" in page
    assert "You can leave this page" in page


def test_the_script_asks_how_far_it_is_and_when_it_ended(as_alice, begun):
    now = as_alice.get(progress_address(begun)).json()
    assert now["at_work"]
    assert now["doing"] == "Waiting for the background worker to begin."
    work(begun)
    assert as_alice.get(progress_address(begun)).json() == {"state": "done", "at_work": False}


def test_no_worker_is_said(as_alice, begun):
    Batch.objects.update(started_at=timezone.now() - timezone.timedelta(minutes=5))
    assert as_alice.get(progress_address(begun)).json()["nobody_works"]


def test_an_auditor_watches_and_stops_nothing(client, begun, bob):
    client.force_login(bob)
    page = text_of(client.get(begun.get_absolute_url()))
    assert "Stop here" not in page
    assert client.post(reverse("batches:cancel", args=[begun.pk])).status_code == 403


def test_progress_is_asked_for_in_few_queries(as_alice, begun, django_assert_max_num_queries):
    as_alice.get(progress_address(begun))
    with django_assert_max_num_queries(7):
        as_alice.get(progress_address(begun))


# ------------------------------------------------------------------ what would happen


@pytest.fixture
def tried(as_alice):
    def make(content):
        batch = bring(as_alice, content)
        send(as_alice, batch, "try")
        work(batch)
        assert batch.state == BatchState.CHECKED
        return batch

    return make


def test_a_try_says_what_would_happen_row_by_row(as_alice, tried):
    batch = tried(export(40, MonthlyIncome=["2000", "a lot", "5000", "9000"]))
    answer = as_alice.get(batch.get_absolute_url())
    page = text_of(answer)
    assert "30 people would be assessed" in page
    assert "10 rows would be refused" in page
    assert "“a lot” is not a number" in page
    assert ">3</th>" in page  # the line of the first one
    people = answer.context["people"]
    assert all(reference == f"E-{line - 1}" for line, reference, _level, _risk in people)
    assert f"{people[0][-1]:.1%}" in page
    risks = [risk for *_others, risk in people]
    assert len(risks) == 20
    assert risks == sorted(risks, reverse=True)
    further = as_alice.get(batch.get_absolute_url(), {"page": 2}).context["people"]
    assert len(further) == 10
    assert not Prediction.objects.exists()


def test_references_are_found_in_any_chunk_whatever_lines_are_blank(as_alice, tried, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 3)
    head, *rows = export(20).splitlines(keepends=True)
    batch = tried(b"".join([head, *rows[:4], b"\n" * 30, *rows[4:]]))
    people = as_alice.get(batch.get_absolute_url()).context["people"]
    expected = {line: f"E-{line - 1 if line < 7 else line - 31}" for line, *_others in people}
    assert {line: reference for line, reference, *_others in people} == expected


def test_what_was_tried_is_assessed_by_one_click(as_alice, tried):
    batch = tried(export())
    answer = as_alice.post(reverse("batches:start", args=[batch.pk]))
    assert answer.url == batch.get_absolute_url()
    work(batch)
    assert batch.state == BatchState.DONE
    assert Prediction.objects.filter(batch=batch).count() == 12


def test_a_file_of_which_nobody_can_be_assessed_offers_its_columns(as_alice, tried):
    batch = tried(export(MonthlyIncome=["a lot"]))
    page = text_of(as_alice.get(batch.get_absolute_url()))
    assert "Nobody could be assessed" in page
    assert reverse("batches:columns", args=[batch.pk]) in page
    assert reverse("batches:start", args=[batch.pk]) not in page


def test_what_was_tried_with_another_model_is_not_assessed(as_alice, tried):
    batch = tried(export())
    version = services.register(
        files=artifact.files_of(other_model.ARTIFACT), origin=Origin.TRAINED
    )
    services.activate(version=version, reason="for the test")
    registry.forget()
    assert "Another model is active since this was tried" in text_of(
        as_alice.get(batch.get_absolute_url())
    )
    answer = as_alice.post(reverse("batches:start", args=[batch.pk]))
    assert answer.url == reverse("batches:columns", args=[batch.pk])
    assert not Prediction.objects.exists()


def test_levels_that_were_changed_after_a_try_are_said_and_it_is_tried_again(
    as_alice, tried, move_levels
):
    batch = tried(export())
    assert "levels of risk begin elsewhere" not in text_of(as_alice.get(batch.get_absolute_url()))
    move_levels()
    page = text_of(as_alice.get(batch.get_absolute_url()))
    assert "The levels of risk begin elsewhere since this was tried" in page
    assert "Assess 12 people now" not in page
    assert "Try it again" in page
    as_alice.post(reverse("batches:start", args=[batch.pk]), {"action": "try"})
    work(batch)
    assert batch.state == BatchState.CHECKED
    page = text_of(as_alice.get(batch.get_absolute_url()))
    assert "Assess 12 people now" in page
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("from_columns", [True, False])
def test_a_click_made_before_the_levels_were_changed_records_nothing(
    as_alice, tried, move_levels, from_columns
):
    batch = tried(export())
    move_levels()
    if from_columns:
        answer = send(as_alice, batch, "assess")
    else:
        answer = as_alice.post(reverse("batches:start", args=[batch.pk]))
    assert answer.url == batch.get_absolute_url()
    page = text_of(as_alice.get(answer.url))
    assert "Nothing has begun: the levels of risk were changed" in page
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    assert not Prediction.objects.exists()


def test_an_employee_twice_in_a_file_is_said(as_alice, tried):
    batch = tried(export(4, EmployeeNumber=["E-1", "E-2", "E-1", "E-1"]))
    page = text_of(as_alice.get(batch.get_absolute_url()))
    assert "2 rows have the reference of an employee above them" in page


def test_an_auditor_reads_a_try_and_begins_nothing(client, as_alice, tried, bob):
    batch = tried(export())
    client.force_login(bob)
    page = text_of(client.get(batch.get_absolute_url()))
    assert "12 people would be assessed" in page
    assert "Discard" not in page


# ------------------------------------------------------------------ how it ended


def test_a_stopped_try_waits_for_its_columns_again(as_alice):
    batch = bring(as_alice)
    send(as_alice, batch, "try", Department="@group")
    as_alice.post(reverse("batches:cancel", args=[batch.pk]))
    batch.refresh_from_db()
    assert (batch.state, batch.grouped) == (BatchState.DRAFT, [6])


def test_work_that_was_stopped_before_anyone_was_assessed(as_alice, begun):
    answer = as_alice.post(reverse("batches:cancel", args=[begun.pk]), follow=True)
    page = text_of(answer)
    assert "stopped" in page
    work(begun)
    assert begun.state == BatchState.CANCELLED
    assert as_alice.get(begun.get_absolute_url()).status_code == 200
    again = as_alice.post(reverse("batches:cancel", args=[begun.pk]), follow=True)
    assert "had ended already" in text_of(again)


def test_it_is_asked_once_before_the_work_is_stopped(as_alice, begun):
    address = reverse("batches:cancel", args=[begun.pk])
    assert address in text_of(as_alice.get(begun.get_absolute_url()))
    page = text_of(as_alice.get(address))
    assert "Who is assessed until then stays assessed" in page
    begun.refresh_from_db()
    assert begun.at_work
    as_alice.post(address)
    answer = as_alice.get(address, follow=True)
    assert "had ended already" in text_of(answer)


def test_there_is_nothing_to_stop_of_a_file_that_waits(as_alice):
    batch = bring(as_alice)
    answer = as_alice.get(reverse("batches:cancel", args=[batch.pk]), follow=True)
    text = text_of(answer)
    assert "Nothing is being done with this file: there is nothing to stop." in text
    assert "had ended" not in text


def test_it_is_asked_once_before_a_file_is_discarded(as_alice, tried):
    batch = tried(export())
    address = reverse("batches:discard", args=[batch.pk])
    for page in (batch.get_absolute_url(), reverse("batches:columns", args=[batch.pk])):
        assert f'href="{address}"' in text_of(as_alice.get(page))
    assert "its content is erased at once" in text_of(as_alice.get(address))
    batch.refresh_from_db()
    assert batch.state == BatchState.CHECKED
    as_alice.post(address)
    batch.refresh_from_db()
    assert batch.state == BatchState.DISCARDED


def test_the_page_of_what_was_stopped_leads_to_its_list(as_alice, begun, monkeypatch):
    monkeypatch.setattr(cutting, "CHUNK_ROWS", 4)
    for _ in range(2):
        jobs.work(begun.pk, 0.0)
    page = text_of(as_alice.post(reverse("batches:cancel", args=[begun.pk]), follow=True))
    assert "4 people are assessed and stay in the history. Their list is being prepared" in page
    assert 'http-equiv="refresh"' in page
    work(begun)
    page = text_of(as_alice.get(begun.get_absolute_url()))
    assert "The people of this file" in page
    assert 'http-equiv="refresh"' not in page


def test_work_that_failed_says_why_and_what_stayed(as_alice, begun):
    Batch.objects.update(
        state=BatchState.FAILED, message=endings.BROKEN, finished_at=timezone.now()
    )
    page = text_of(as_alice.get(begun.get_absolute_url()))
    assert "The work on this file failed" in page
    assert "not your file’s fault" in page
    assert "Nobody in it was assessed" in page
    assert "Bring it again" in page
    assert "Failed" in text_of(as_alice.get(LIST))


def test_work_that_failed_after_some_were_assessed_says_how_many_once(as_alice, begun):
    message = {"en": "It broke. 4 of its employees were assessed before that.", "recorded": 4}
    Batch.objects.update(state=BatchState.FAILED, message=message, finished_at=timezone.now())
    page = text_of(as_alice.get(begun.get_absolute_url()))
    assert page.count("4 of its employees") == 1
    assert "Open the history" in page
    assert "Nobody in it was assessed" not in page


def test_a_file_that_ends_in_the_middle_of_a_quotation_is_said_to(as_alice):
    batch = bring(as_alice, export(30_000) + b'E-1,"Durand,Yes\n' + export(10))
    send(as_alice, batch, "assess")
    work(batch)
    assert batch.state == BatchState.FAILED
    page = text_of(as_alice.get(batch.get_absolute_url()))
    assert "The work on this file failed" in page
    assert "quotation" in page
