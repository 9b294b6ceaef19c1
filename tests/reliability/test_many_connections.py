"""Far more connections than a web process keeps to its database."""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg
import pytest

from tests.reliability.installation import serving
from tests.reliability.traffic import judge, traffic

CONNECTIONS, WORKERS, THREADS, POOL = 200, 2, 16, 8
ANSWERED = 10.0  # seconds
RECOVERY = 5.0


@pytest.fixture(scope="module")
def web(place):
    limits = {"DATABASE_POOL_SIZE": f"{POOL}"}
    with serving(place, workers=WORKERS, threads=THREADS, **limits) as running:
        yield running


class Watched:
    """The most connections that the database had at once, but for those of the tests."""

    def __init__(self):
        self.most = self.last = 0

    def look(self, watching):
        [count] = watching.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND application_name <> 'tests'"
        ).fetchone()
        self.last, self.most = count, max(count, self.most)


@contextlib.contextmanager
def watched(place):
    seen_there, over = Watched(), threading.Event()
    with psycopg.connect(place.database_url, autocommit=True, application_name="tests") as watching:

        def watch():
            while not over.wait(0.05):
                seen_there.look(watching)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield seen_there
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def locked(place):
    """Nobody else can record a prediction: whoever tries keeps his connection and waits."""
    with psycopg.connect(place.database_url, application_name="tests") as other:
        other.execute("LOCK TABLE predictions_prediction IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def slowest(flow):
    return max(one.seconds for one in flow.answers)


def is_as_before(web, place):
    with traffic(web, 8) as flow:
        flow.until_assessed_again(time.monotonic())
    judge(flow, place)
    assert flow.statuses().keys() == {201}
    assert len(web.workers()) == WORKERS


def test_all_of_them_ask_at_once(web, place, seen, long):
    with watched(place) as database, traffic(web, CONNECTIONS) as flow:
        flow.until_assessed_again(time.monotonic(), patience=60)
        time.sleep(60 if long else 1)
    judge(flow, place)
    seen(
        "200 connections ask at once of 2 web processes, each with 16 threads and 8 connections to"
        " the database",
        promised="each is answered within 10 s, 201 or 503 with `Retry-After`; the database has no"
        " more than the 16 connections; afterwards all is as before",
        saw=f"{len(flow.assessed()):,} answered 201, {len(flow.refused())} 503, the slowest after"
        f" {slowest(flow):.1f} s; {database.most} connections at most",
    )
    assert not flow.broken()
    assert slowest(flow) < ANSWERED
    assert database.most <= WORKERS * POOL
    is_as_before(web, place)


def test_none_of_them_can_be_recorded(web, place, seen, long):
    with watched(place) as database, traffic(web, CONNECTIONS) as flow:
        flow.until_assessed_again(time.monotonic(), patience=60)
        with locked(place):
            time.sleep(30 if long else 3)
        free = time.monotonic()
        flow.until_assessed_again(free)
    judge(flow, place)
    recovered = flow.until_assessed_again(free)
    seen(
        "The same, and every connection to the database is held up: somebody locks the table of"
        " predictions",
        promised="the same; within 5 s of its being free again everyone is assessed",
        saw=f"{len(flow.assessed()):,} answered 201, {len(flow.refused())} 503, the slowest after"
        f" {slowest(flow):.1f} s; {database.most} connections at most; all assessed again after"
        f" {recovered:.1f} s",
    )
    assert not flow.broken()
    assert flow.refused()
    assert slowest(flow) < ANSWERED
    assert database.most <= WORKERS * POOL
    assert recovered < RECOVERY
    is_as_before(web, place)
