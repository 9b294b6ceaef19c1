"""The clock jumps while the product runs: ahead by an hour, a day, a year, behind, and back.

It is the clock of the web server and of the background worker. The database keeps the right time,
so that theirs differs from its all along.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from accounts.demo import PUBLISHED_PASSWORD
from benchmarks.installation import BenchmarkError
from benchmarks.visitor import Visitor
from tests.conftest import EMPLOYEE
from tests.processes import until
from tests.reliability.clocks import DAY, HOUR, YEAR, Clock
from tests.reliability.installation import ASSESS, serving
from tests.reliability.traffic import judge, traffic

MANY = "/api/v1/predict/attrition/batch"
HISTORY = "/api/v1/predict/history?page_size=100"
TOKEN = "/api/v1/auth/token"
QUOTA = 1000  # employees a minute, and at once
PROMISED_SECONDS = 5


@pytest.fixture(scope="module")
def module_clock(tmp_path_factory):
    return Clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def clock(module_clock):
    yield module_clock
    module_clock.put_right()


@pytest.fixture(scope="module")
def web(place, module_clock):
    with serving(place, THROTTLE_EMPLOYEES=f"{QUOTA}", **module_clock.environment) as running:
        yield running


# ------------------------------------------------------------------ programs


def history(web):
    """Every prediction, page by page: its number and its moment."""
    page, rows, token = HISTORY, [], web.sign_in()
    while page:
        answer = web.ask(page, token=token)
        assert answer.status == 200, answer
        rows += [(row["prediction_id"], row["created_at"]) for row in answer.body["results"]]
        address = urlsplit(answer.body["next"] or "")
        page = f"{address.path}?{address.query}" if address.path else ""
    return rows


def test_it_jumps_under_load(clock, web, place, seen, long):
    jumps = [HOUR, DAY, YEAR, -HOUR] * 5 if long else [YEAR, -HOUR]
    resumed, walked = 0.0, 0
    of_others = place.records().keys()
    with traffic(web, pause=0.05, seconds=600, signing_in_again=True) as flow:
        for ahead in jumps:
            for seconds in (ahead, 0):
                clock.put_ahead(seconds)
                resumed = max(resumed, flow.until_assessed_again(time.monotonic()))
            known = place.records().keys() - of_others
            rows = history(web)
            ids = [number for number, _ in rows]
            moments = [datetime.fromisoformat(moment) for _, moment in rows]
            assert known <= set(ids)
            assert len(ids) == len(set(ids))
            assert moments == sorted(moments, reverse=True)
            walked += len(ids)
    judge(flow, place)
    seen(
        "The clock jumps under load, by an hour, a day and a year ahead, an hour behind, and back;"
        " the database's does not",
        promised="everyone is assessed, once signed in again where a token has expired, within 5 s;"
        " each answer is recorded; the pages of the history neither repeat nor skip a prediction",
        saw=f"{2 * len(jumps)} jumps: {len(flow.assessed())} assessed, {len(flow.expired)} signed"
        f" in again, {len(flow.refused())} refused; the slowest after {resumed:.1f} s;"
        f" {walked} rows of the history read",
    )
    assert flow.statuses().keys() == {201}
    assert resumed < PROMISED_SECONDS


def test_tokens_end_by_the_clock_and_new_ones_work_at_once(clock, web, seen):
    of_now = web.sign_in()
    clock.put_ahead(HOUR)
    ended = web.ask(ASSESS, EMPLOYEE, of_now)
    of_later = web.sign_in()
    later = web.ask(ASSESS, EMPLOYEE, of_later)
    clock.put_right()
    too_early = web.ask(ASSESS, EMPLOYEE, of_later)
    again, fresh = (web.ask(ASSESS, EMPLOYEE, token) for token in (of_now, web.sign_in()))
    seen(
        "The clock jumps an hour ahead and back, and tokens have been issued before and meanwhile",
        promised="401 in words for a token that has expired or is of the future; a new one works at"
        " once",
        saw=f"{ended.status} “{ended.body['detail']}”, {later.status}; then {too_early.status}"
        f" “{too_early.body['detail']}”, {fresh.status}",
    )
    assert (ended.status, ended.body["detail"]) == (401, "The token has expired.")
    assert (too_early.status, too_early.body["detail"]) == (401, "The token is not valid.")
    assert [answer.status for answer in (later, again, fresh)] == [201] * 3


def test_nobody_is_shut_out_for_longer_than_a_window(clock, web, seen):
    many = {"employees": [EMPLOYEE] * QUOTA}
    wrong = {"username": "hr", "password": "a guess"}
    right = {"username": "hr", "password": PUBLISHED_PASSWORD}
    clock.put_ahead(YEAR)
    token = web.sign_in()
    until(lambda: web.ask(MANY, many, token).status == 429)  # each worker counts for itself
    guesses = [web.ask(TOKEN, wrong).status for _ in range(5)]
    locked = web.ask(TOKEN, right)
    clock.put_right()
    token = web.sign_in()
    assessed, signed_in = web.ask(MANY, many, token), web.ask(TOKEN, right)
    seen(
        "Somebody asked too often and guessed passwords while the clock was a year ahead",
        promised="once it is right again they are not shut out for longer than a window (1 min, 15"
        " min)",
        saw=f"{locked.status} meanwhile, Retry-After {locked.headers['Retry-After']} s; then"
        f" {assessed.status} and {signed_in.status} at once",
    )
    assert set(guesses) <= {401, 429}
    assert locked.status == 429
    assert (assessed.status, signed_in.status) == (200, 200)


# ------------------------------------------------------------------ people


@contextlib.contextmanager
def somebody(web):
    with contextlib.closing(Visitor(("127.0.0.1", web.port))) as visitor:
        visitor.sign_in("hr", PUBLISHED_PASSWORD)
        yield visitor


def is_let_in(visitor):
    """Whether they see a page, or are asked to sign in; anything else is a fault."""
    try:
        visitor.get("/predictions/")
    except BenchmarkError as refusal:
        if "answered 302" in str(refusal):
            return False
        raise
    return True


def test_no_session_outlasts_its_time_because_the_clock_was_ahead(clock, web, seen):
    with somebody(web) as of_now:
        before = is_let_in(of_now)
        clock.put_ahead(HOUR)
        an_hour_later = is_let_in(of_now)
        with somebody(web) as of_later:
            later = is_let_in(of_later)
            clock.put_right()
            of_the_future = is_let_in(of_later)
    with somebody(web) as again:
        afterwards = is_let_in(again)
    seen(
        "People have signed in before, and while the clock was an hour ahead",
        promised="a session ends by the clock, and one of the future ends when the clock is right;"
        " who signs in again is let in at once",
        saw=f"ahead: {'in' if an_hour_later else 'asked to sign in'}, then"
        f" {'in' if later else 'out'}; right again:"
        f" {'in' if of_the_future else 'asked to sign in'}, then {'in' if afterwards else 'out'}",
    )
    assert (before, an_hour_later, later) == (True, False, True)
    assert (of_the_future, afterwards) == (False, True)


# ------------------------------------------------------------------ the background worker


@contextlib.contextmanager
def working(place, clock):
    """The background worker; all of its processes end with the block."""
    with (place.folder / "worker.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "django", "qcluster"],
            cwd=settings.BASE_DIR,
            env={**place.environment, **clock.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_said_to_live(place, clock):
    """What the health command says of the worker."""
    command = [sys.executable, "-m", "attrition_site.serve", "health", "worker"]
    environment = {**place.environment, **clock.environment}
    ended = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, check=False
    )
    return ended.returncode == 0


def file_of(folder, rows):
    file = folder / "staff.csv"
    line = ",".join(map(str, EMPLOYEE.values()))
    file.write_text("\n".join([",".join(EMPLOYEE), *[line] * rows]))
    return file


def begin(web, file):
    """Bring a file and have it assessed; its number."""
    with somebody(web) as visitor:
        columns = visitor.send_file("/batches/new/", "file", file)
        visitor.send_form(columns, {"action": "assess"}, drawn_at=columns)
    return columns.split("/")[2]


def state_of(place, batch):
    [(state,)] = place.query("SELECT state FROM predictions_batch WHERE id::text = %s", batch)
    return state


def rows_of(place, batch):
    """How many predictions a file has, and of how many of its lines."""
    [counts] = place.query(
        "SELECT count(*), count(DISTINCT row) FROM predictions_prediction"
        " WHERE batch_id::text = %s",
        batch,
    )
    return counts


def test_a_file_is_assessed_once_whatever_the_clock_does(clock, web, place, tmp_path, seen, long):
    rows = 200_000 if long else 20_000
    lives = []
    with working(place, clock):
        batch = begin(web, file_of(tmp_path, rows))
        until(lambda: rows_of(place, batch)[0] > 0)
        for ahead in (HOUR, YEAR, -HOUR):
            clock.put_ahead(ahead)
            time.sleep(0.5)
            lives.append(is_said_to_live(place, clock))
            clock.put_right()
        until(lambda: state_of(place, batch) == "done")
        lives.append(is_said_to_live(place, clock))
    assessed, lines = rows_of(place, batch)
    seen(
        "The clock jumps by an hour and a year ahead, an hour behind, and back, amid a file",
        promised="each of its rows is assessed, and once; the background worker is said to live",
        saw=f"{rows} rows: {assessed} predictions, of {lines} lines; said to live {sum(lives)} of"
        f" {len(lives)} times",
    )
    assert (assessed, lines) == (rows, rows)
    assert all(lives)


def test_what_was_asked_of_a_worker_under_a_later_clock_is_done(
    clock, web, place, tmp_path, seen, long
):
    if not long:
        pytest.skip("takes minutes, in the long form (--long): the short one has tests/batches")
    with working(place, clock) as worker:
        until(lambda: is_said_to_live(place, clock))
        # It stands still meanwhile: one that starts afterwards looks for what stands still.
        os.killpg(worker.pid, signal.SIGSTOP)
        clock.put_ahead(DAY)
        batch = begin(web, file_of(tmp_path, 1000))
        clock.put_right()
        os.killpg(worker.pid, signal.SIGCONT)
        began = time.monotonic()
        until(lambda: state_of(place, batch) == "done", patience=240)
        needed = time.monotonic() - began
        clock.put_ahead(DAY)
        time.sleep(2)
    clock.put_right()
    until(lambda: not is_said_to_live(place, clock), patience=60)
    seen(
        "A file was brought while the clock was a day ahead, and the clock is put right;"
        " later the background worker is killed while it is a day ahead again",
        promised="the file is assessed within 3 minutes; that the worker is dead is said within a"
        " minute, whatever the clock says",
        saw=f"assessed after {needed:.0f} s; said to be dead",
    )
    assert rows_of(place, batch) == (1000, 1000)
    assert needed < 180
