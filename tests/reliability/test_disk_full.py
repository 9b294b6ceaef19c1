"""The disk is full: nothing is shown that was not recorded, and work resumes when there is room.

The disk is a real one, small and in memory. Without room for its write-ahead log, PostgreSQL ends;
what starts it again on a server is its service (systemd, Docker), and here `kept_running`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import Any, NamedTuple

import openpyxl
import psycopg
import pytest

from accounts.demo import PUBLISHED_PASSWORD
from benchmarks.installation import BenchmarkError
from benchmarks.visitor import Visitor
from mlcore import registry
from mlcore.engine import artifact
from mlcore.engine.ingest import conversion
from mlcore.engine.ingest.source import BATCH
from tests.conftest import EMPLOYEE
from tests.postgres import stoppable_server
from tests.processes import free_port, until
from tests.reliability.disks import small_disk
from tests.reliability.installation import ASSESS, installed, serving
from tests.reliability.traffic import Traffic, judge, traffic

FULL = "A disk of this installation is full."
LASTS = 0.5  # seconds
PROMISED_SECONDS = 5
SIGN_IN = "/accounts/login/"
ONE_ROW = "/predictions/?employee_id=R-disk&export="


def told(flow, words):
    """Whether somebody was refused with these words."""
    return any(words in one.body["detail"] for one in flow.refused())


class Spell(NamedTuple):
    """A while without room: what the programs were answered, what a look at it found, and after how
    many seconds of there being room again everyone was answered.
    """

    flow: Traffic
    found: Any
    resumed: float


def without_room(disk, site, installation, *, noticed, look=lambda: None):
    """Fill the disk under load until that was `noticed`, `look` at what goes on, and empty it."""
    with traffic(site) as flow:
        flow.until_assessed_again(time.monotonic())
        disk.fill()
        try:
            until(lambda: noticed(flow))
            time.sleep(LASTS)
            found = look()
        finally:
            disk.empty()
        resumed = flow.until_assessed_again(time.monotonic())
    judge(flow, installation)
    return Spell(flow, found, resumed)


def answered(spells):
    refused = sum(len(flow.refused()) for flow, _, _ in spells)
    assessed = sum(len(flow.assessed()) for flow, _, _ in spells)
    return (
        f"{len(spells)} ×: {refused} answered 503, {assessed} assessed and recorded; all again"
        f" after {slowest(spells):.1f} s at most"
    )


def slowest(spells):
    return max(spell.resumed for spell in spells)


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
    """Of the database, and of nothing else."""
    with small_disk(192) as disk:
        yield disk


@pytest.fixture(scope="module")
def installation(disk, tmp_path_factory):
    with (
        stoppable_server(within=disk.path) as database,
        kept_running(database),
        installed(tmp_path_factory.mktemp("disk-full"), database.url) as prepared,
    ):
        yield prepared


@pytest.fixture(scope="module")
def site(installation):
    with serving(installation) as running:
        yield running


def test_the_disk_of_the_database_is_full(disk, installation, site, seen, long):
    spells = [
        without_room(
            disk,
            site,
            installation,
            noticed=lambda flow: told(flow, FULL),
            look=lambda: site.ask("/health/ready"),
        )
        for _ in range(5 if long else 1)
    ]
    seen(
        "The database's disk is full, under load",
        promised="503 that says so, with Retry-After; no prediction without its record; within 5 s"
        " of there being room again, everyone is answered",
        saw=answered(spells),
    )
    assert slowest(spells) < PROMISED_SECONDS
    # Who only reads is still answered, unless the log wanted its next file just then: see below.
    assert any(reading.status == 200 for _, reading, _ in spells)


def wants_the_next_file_of_its_log(installation, site):
    """Ask for it, which load would a little later; whether there was no room. Some that were made
    before are used first.
    """
    with contextlib.suppress(psycopg.OperationalError):
        installation.query("SELECT pg_switch_wal(), pg_logical_emit_message(true, '', '')")
    return site.ask("/health").status == 503


def test_the_disk_of_the_write_ahead_log_is_full(disk, installation, site, seen, long):
    spells = [
        without_room(
            disk,
            site,
            installation,
            noticed=lambda _flow: wants_the_next_file_of_its_log(installation, site),
            look=lambda: (site.ask(ASSESS, EMPLOYEE, site.token), site.ask(SIGN_IN)),
        )
        for _ in range(5 if long else 1)
    ]
    seen(
        "The disk of the database's write-ahead log is full, and PostgreSQL ends, under load",
        promised="503 in words, with Retry-After; no prediction without its record; within 5 s"
        " of there being room again, everyone is answered",
        saw=answered(spells),
    )
    assert slowest(spells) < PROMISED_SECONDS
    for _, (program, person), _ in spells:
        assert "The database cannot be reached. Nothing was recorded." in program.body["detail"]
        assert person.status == 503
        assert "What was recorded before is safe" in person.body


def test_the_disk_of_the_first_minute_s_database_is_full(tmp_path, seen, long):
    if not long:
        pytest.skip("in the long form (--long): in the short one PostgreSQL's is full")
    with (
        small_disk(24) as disk,
        installed(tmp_path, f"sqlite:///{disk.path}/attrition.sqlite3") as installation,
        serving(installation) as site,
    ):
        token = site.token
        disk.fill()
        # Nobody else has the database open: what lies beside it has to be made anew.
        alone = site.ask(ASSESS, EMPLOYEE, token)
        disk.empty()
        spells = [
            without_room(disk, site, installation, noticed=lambda flow: told(flow, FULL))
            for _ in range(5)
        ]
    seen(
        "The disk of the first minute's database, SQLite, is full, under load",
        promised="503 that says so, with Retry-After; no prediction without its record; within 5 s"
        " of there being room again, everyone is answered",
        saw=answered(spells),
    )
    assert alone.status == 503
    assert FULL in alone.body["detail"]
    assert slowest(spells) < PROMISED_SECONDS


# ------------------------------------------------------------------ the disk of temporary files


class Person(Visitor):
    """Somebody at a browser, whatever is answered."""

    def asks(self, path):
        status, _, content = self._ask("GET", path)
        return status, content.decode(errors="replace")

    def brings(self, path, file):
        """Where it leads, or what is said instead."""
        try:
            return self.send_file(path, "file", file)
        except BenchmarkError as refusal:
            return str(refusal)


@contextlib.contextmanager
def signed_in(web, username):
    with contextlib.closing(Person(("127.0.0.1", web.port))) as person:
        person.sign_in(username, PUBLISHED_PASSWORD)
        yield person


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    """Files that people bring: two with employees, of which none stays in memory, and a model."""
    folder = tmp_path_factory.mktemp("brought")
    table, workbook, model = folder / "staff.csv", folder / "staff.xlsx", folder / "model.zip"
    line = ",".join(map(str, EMPLOYEE.values()))
    table.write_text("\n".join([",".join(EMPLOYEE), *[line] * 200_000]))  # 20 MB
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in [list(EMPLOYEE), *[list(EMPLOYEE.values())] * 500]:
        sheet.append(row)
    book.save(workbook)
    model.write_bytes(artifact.pack(artifact.read(registry.BUNDLED_FOLDER)))
    return table, workbook, model


def test_the_disk_of_temporary_files_and_of_the_log_is_full(place, brought, seen):
    table, workbook, model = brought
    of_others = place.query("SELECT name FROM predictions_batch")
    with small_disk(64) as disk:
        log = disk.path / "web.log"
        into_log = ("sh", "-c", 'exec "$@" 2>"$0"', str(log))
        here = {"TMPDIR": str(disk.path), "VAR_DIR": str(disk.path)}
        talking = {"LOG_LEVEL": "INFO", "LOG_FORMAT": "json", "METRICS_PORT": str(free_port())}
        with serving(place, workers=1, command_prefix=into_log, **here, **talking) as web:
            with signed_in(web, "hr") as hr:
                web.ask(ASSESS, EMPLOYEE | {"employee_id": "R-disk"}, web.token)
                assert hr.asks(f"{ONE_ROW}xlsx")[0] == 200
                disk.fill()
                before = set(disk.path.iterdir())
                refusals = [hr.brings("/batches/new/", table)]
            with signed_in(web, "hr") as hr:
                refusals += [hr.brings("/batches/new/", workbook)]
            with signed_in(web, "hr") as hr:
                made = {kind: hr.asks(f"{ONE_ROW}{kind}") for kind in ("csv", "xlsx")}
            with signed_in(web, "admin") as admin:
                imported = admin.brings("/models/import/", model)
            with traffic(web) as flow:
                flow.until_assessed_again(time.monotonic())
                [worker] = web.workers()
                os.kill(worker, signal.SIGKILL)
                until(lambda: worker not in web.workers())
                flow.until_assessed_again(time.monotonic())
            health = web.ask("/health")
            left_behind = set(disk.path.iterdir()) - before
            kept = place.query("SELECT name FROM predictions_batch")[len(of_others) :]
            disk.empty()
            with signed_in(web, "hr") as hr:
                afterwards = hr.brings("/batches/new/", table)
        judge(flow, place)
    seen(
        "The disk of temporary files and of the log is full",
        promised="who brings a large file or wants a workbook is told so by a page, and nothing of"
        " it is left; what needs no disk goes on, through the death of a worker as well",
        saw=f"2 files and 1 workbook refused in words; {len(flow.assessed())} predictions recorded,"
        f" {len(flow.refused())} refused",
    )
    for refusal in [*refusals, "{} {}".format(*made["xlsx"])]:
        assert "503" in refusal
        assert FULL in refusal
    assert made["csv"][0] == 200
    assert imported.startswith("/models/ibm-")
    assert not flow.refused()
    assert health.status == 200
    assert left_behind == set()
    assert kept == []
    assert afterwards.endswith("/columns/")


def test_a_workbook_is_not_blamed_for_a_full_disk(brought):
    _, workbook, _ = brought
    with (
        workbook.open("rb") as file,
        open("/dev/full", "r+b", buffering=0) as full,
        pytest.raises(OSError, match="No space left"),
    ):
        conversion._run(file, full, BATCH)
