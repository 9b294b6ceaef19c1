"""The disk is full: nothing is shown that was not recorded, and work resumes when there is room.

The disk is a real one, small and in memory. A service manager (systemd, Docker) starts PostgreSQL
again where it cannot go on; here, `kept_running` is that.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time

import pytest

from tests.conftest import EMPLOYEE
from tests.postgres import stoppable_server
from tests.processes import until
from tests.reliability.disks import small_disk
from tests.reliability.installation import ASSESS, installed, serving
from tests.reliability.traffic import PROBLEM, judge, traffic

pytestmark = pytest.mark.no_database

FULL = "A disk of this installation is full."
PROMISED_SECONDS = 5


# ------------------------------------------------------------------ the database's disk


@contextlib.contextmanager
def kept_running(database):
    """Within the block, the database is started again whenever it has ended."""
    over = threading.Event()

    def watch():
        while not over.wait(0.5):
            if not database.is_running():
                # Where there is still no room, it ends again.
                with contextlib.suppress(subprocess.SubprocessError):
                    database.start()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


@pytest.fixture(scope="module")
def disk():
    with small_disk(192) as disk:
        yield disk


@pytest.fixture(scope="module")
def database(disk):
    with stoppable_server(within=disk.path) as server, kept_running(server):
        yield server


@pytest.fixture(scope="module")
def place(database, tmp_path_factory):
    with installed(tmp_path_factory.mktemp("disk-full"), database.url) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def web(place):
    with serving(place) as running:
        yield running


def test_the_disk_of_the_database_is_full(disk, place, web, seen, long):
    for _ in range(5 if long else 1):
        with traffic(web) as flow:
            flow.until_assessed_again(time.monotonic())
            disk.fill()
            try:
                until(lambda: any(FULL in one.body["detail"] for one in flow.refused()))
                answer = web.ask("/health/live")
                assert answer.status == 200
            finally:
                disk.empty()
            resumed = flow.until_assessed_again(time.monotonic())
        judge(flow, place)
    seen(
        "The disk of the database is full, under load",
        promised="503 in words and with Retry-After, no prediction without its record; within 5 s of"
        " there being room again, everyone is answered",
        saw=f"{len(flow.refused())} answered 503, {len(flow.assessed())} assessed and recorded;"
        f" again after {resumed:.1f} s",
    )
    assert resumed < PROMISED_SECONDS


def test_the_disk_of_the_write_ahead_log_is_full(disk, place, web, seen, long):
    for _ in range(5 if long else 1):
        with traffic(web) as flow:
            flow.until_assessed_again(time.monotonic())
            disk.fill()
            try:
                # PostgreSQL cannot go on: it ends all connections, and then itself.
                with contextlib.suppress(Exception):
                    place.query("SELECT pg_switch_wal(), pg_logical_emit_message(true, '', '')")
                until(lambda: web.ask("/health").status == 503)
                refused = web.ask(ASSESS, EMPLOYEE, web.token)
                assert refused.status == 503
                page = web.ask("/accounts/login/")
                time.sleep(1)
            finally:
                disk.empty()
            resumed = flow.until_assessed_again(time.monotonic())
        judge(flow, place)
    seen(
        "The disk of the database's write-ahead log is full, and PostgreSQL ends, under load",
        promised="503 in words, no prediction without its record; within 5 s of there being room"
        " again, everyone is answered",
        saw=f"{len(flow.refused())} answered 503, {len(flow.assessed())} assessed and recorded;"
        f" again after {resumed:.1f} s",
    )
    assert resumed < PROMISED_SECONDS
