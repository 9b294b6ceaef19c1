"""When the account is computed again: at once where there is little, else in the background."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from predictions.models import Batch, Overview, Prediction
from predictions.overview import account, keeping, tasks
from tests.overview.conftest import LEAVING, STAYING
from tests.training.test_jobs import database_url

PAGE = "/"


@pytest.fixture
def large(monkeypatch):
    """As if three predictions were many."""
    monkeypatch.setattr(account, "MOST_AT_ONCE", 2)


def shown(answer):
    return answer.context["levels"].people


def later(seconds):
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False)


def test_where_there_is_little_a_page_is_exact_at_once(as_alice, alice, record):
    for number in range(3):
        record(alice, employee_id=f"E-{number}")
        answer = as_alice.get(PAGE)
        assert shown(answer) == number + 1
        assert not answer.context["standing"].behind


def test_what_was_dated_before_and_written_later_is_counted_too(as_alice, alice, record):
    record(alice, employee_id="E-1")
    as_alice.get(PAGE)
    with later(-3):
        record(alice, employee_id="E-2")
    assert shown(as_alice.get(PAGE)) == 2


def test_a_page_that_finds_nothing_new_computes_nothing(as_alice, alice, record):
    record(alice)
    as_alice.get(PAGE)
    before = Overview.objects.get()
    as_alice.get(PAGE)
    with later(60):
        as_alice.get(PAGE)
    assert Overview.objects.get() == before


def test_where_there_is_much_a_page_waits_for_the_worker(as_alice, alice, record, large):
    for number in range(3):
        record(alice, employee_id=f"E-{number}")
    answer = as_alice.get(PAGE)
    assert answer.context["standing"].overview is None
    assert "The pictures are being drawn." in answer.content.decode()
    call_command("refresh_overview")
    assert shown(as_alice.get(PAGE)) == 3
    record(alice, employee_id="E-3")
    answer = as_alice.get(PAGE)
    assert shown(answer) == 3
    assert "Newer assessments are being counted." in answer.content.decode()
    with later(15):
        assert keeping.refresh()
    assert shown(as_alice.get(PAGE)) == 4


def test_the_worker_does_nothing_where_nothing_is_new(alice, record):
    with later(-60):
        record(alice)
    assert keeping.refresh()
    assert tasks.refresh() == "nothing new"
    assert Overview.objects.count() == 1


def test_the_worker_looks_once_more_when_what_it_counted_has_settled(alice, record):
    record(alice, employee_id="E-1")
    assert keeping.refresh()
    with later(-3):
        record(alice, employee_id="E-2")  # was being written meanwhile
    assert not keeping.refresh()
    with later(15):
        assert keeping.refresh()
        assert keeping.newest_overview().content["people"] == 2
    with later(30):
        assert not keeping.refresh()


def test_the_worker_rests_ten_times_as_long_as_it_worked(alice, record):
    record(alice, employee_id="E-1")
    assert keeping.refresh()
    Overview.objects.update(seconds=6)
    record(alice, employee_id="E-2")
    assert not keeping.refresh()
    with later(61):
        assert keeping.refresh()


@pytest.mark.parametrize("what", ["a file ends", "another model is active"])
def test_what_else_makes_an_account_old(alice, bring, what, monkeypatch):
    with later(-60):
        bring(alice, {"E-1": LEAVING})
        last = bring(alice, {"E-1": LEAVING})
    assert keeping.refresh()
    assert not keeping.refresh()
    if what == "a file ends":
        Batch.objects.filter(pk=last.pk).update(state="failed")
    else:
        monkeypatch.setattr(account, "active_model", lambda: None)
    with later(15):
        assert keeping.refresh()


def test_where_there_is_little_the_worker_computes_at_once(alice, record):
    with later(-60):
        record(alice, employee_id="E-1")
    assert [tasks.refresh(), tasks.refresh()] == ["computed", "nothing new"]
    assert tasks._children == []


@pytest.mark.django_db(transaction=True)
def test_where_there_is_much_no_task_waits_for_it(alice, record, large, monkeypatch):
    """A process of its own computes, one at a time."""
    with later(-60):
        for number in range(3):
            record(alice, employee_id=f"E-{number}")
    monkeypatch.setenv("DATABASE_URL", database_url())
    assert tasks.refresh() == "asked for"
    (process,) = tasks._children
    assert tasks.refresh() == "nothing new"
    assert process.wait(60) == 0
    assert keeping.newest_overview().content["people"] == 3
    assert tasks.refresh() == "nothing new"
    assert (tasks._children, Overview.objects.count()) == ([], 1)


@pytest.mark.django_db(transaction=True)
def test_while_one_process_computes_another_does_not_begin(alice, record, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("there both compute the same")
    record(alice, employee_id="E-1")
    compute, others = account.compute, []

    def meanwhile(earlier):
        with ThreadPoolExecutor(1) as threads:
            others.append(threads.submit(refresh_apart).result())
        return compute(earlier)

    monkeypatch.setattr(account, "compute", meanwhile)
    assert keeping.refresh()
    assert others == [False]


def refresh_apart():
    try:
        return keeping.refresh()
    finally:
        connection.close()


def test_two_at_once_do_no_harm_and_few_are_kept(alice, record):
    for number in range(6):
        record(alice, employee_id=f"E-{number}")
        keeping.compute_and_keep(Prediction.objects.first().created_at)
    assert Overview.objects.count() == 3
    assert keeping.newest_overview().content["people"] == 6


def test_an_account_that_began_earlier_never_takes_the_place_of_a_newer(alice, record):
    record(alice)
    newer = keeping.compute_and_keep(Prediction.objects.first().created_at)
    with later(-5):
        keeping.compute_and_keep(None)
    assert keeping.newest_overview() == newer


@pytest.mark.parametrize("state", ["checking", "running"])
def test_while_a_file_is_worked_on_the_worker_counts_nothing(alice, bring, state):
    last = bring(alice, {"E-1": LEAVING})
    Batch.objects.filter(pk=last.pk).update(state=state)
    assert not keeping.refresh()
    with later(3600):  # it stands still
        assert keeping.refresh()


def test_what_moved_between_two_files_is_found_once(alice, bring, record):
    bring(alice, {"E-1": LEAVING})
    bring(alice, {"E-1": STAYING})
    earlier = account.compute()
    record(alice, employee_id="E-1", **LEAVING)
    with CaptureQueriesContext(connection) as captured:
        later_on = account.compute(earlier)
    assert not any("EXCEPT" in query["sql"] for query in captured)
    assert later_on["movement"] == earlier["movement"]
    bring(alice, {"E-1": LEAVING, "E-2": LEAVING})
    assert account.compute(later_on)["movement"] != earlier["movement"]


def test_what_another_version_kept_is_computed_anew(alice, record, client):
    record(alice)
    client.force_login(alice)
    assert client.get("/").status_code == 200
    Overview.objects.update(content={"predictions": 1})
    assert client.get("/").status_code == 200
    assert keeping.newest_overview().content["people"] == 1
