"""How long a file of employees takes, from its upload to its last recorded row, and what memory."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import processes
from benchmarks.installation import BenchmarkError, Installation, serving
from benchmarks.visitor import Visitor

if TYPE_CHECKING:
    from benchmarks.measurements import Measured, Plan

ROWS, MANY_ROWS = 100_000, 1_000_000
QUICK_ROWS, QUICK_MANY_ROWS = 1_500, 9_000
_PERSON = "files"
_LOOK_EVERY = 0.1  # seconds
_PATIENCE = 900.0  # seconds
_SAMPLE = 2_000  # records that are computed again


@dataclass(frozen=True, kw_only=True)
class Run:
    """One file, brought as a person brings it. Times in seconds from when the upload began."""

    rows: int
    megabytes: float
    """Of the file, of 1,000,000 bytes each."""
    uploaded: float
    started: float
    """When the columns were looked at and the work was asked for."""
    read: float
    """When its rows were all read."""
    tenth: float
    """When the progress address first said 10 % or more."""
    recorded: float
    """When the last row was committed and the list of all rows was there."""
    seen: float
    """When the progress address said that it is over."""
    memory: float
    """RSS of the process that works, at most, in MB."""
    memory_of_all: float
    """The same of all of the worker's processes, what they share counted once."""
    cores: dict[str, float]
    """How many cores were taken from upload to end, and by whom."""

    @property
    def per_second(self) -> float:
        return self.rows / self.recorded


def files(place: Installation, plan: Plan, found: Measured) -> None:
    """Files of 100,000 employees and one of 1,000,000, on the web server and one worker process."""
    rows, many = (QUICK_ROWS, QUICK_MANY_ROWS) if plan.quick else (ROWS, MANY_ROWS)
    _person(place.password)
    with (
        tempfile.TemporaryDirectory(prefix="attrition-files-") as folder,
        serving(place, workers=2) as server,
        working() as worker,
        contextlib.closing(Visitor(server.address)) as visitor,
    ):
        visitor.sign_in(_PERSON, place.password)
        bench = _Bench(visitor, worker, Path(folder), found)
        bench.run(QUICK_ROWS)  # both servers have then done it all once
        runs = [bench.run(rows) for _ in range(plan.rounds)]
        large = bench.run(many)
    found.say(
        f"A CSV file of {rows:,} employees, 35 columns, {runs[0].megabytes:.1f} MB, through the"
        f" pages; one worker process (median of {plan.rounds})"
    )

    def median(name: str) -> float:
        return statistics.median(getattr(run, name) for run in runs)

    found.say(
        f"  {median('per_second'):,.0f} rows/s from the beginning of the upload to the last"
        f" committed row (lowest {min(run.per_second for run in runs):,.0f}, highest"
        f" {max(run.per_second for run in runs):,.0f}); goal: at least 15,000"
    )
    found.say(
        f"  seconds until: uploaded {median('uploaded'):.2f}, work asked for"
        f" {median('started'):.2f}, read {median('read'):.2f}, recorded {median('recorded'):.2f},"
        f" seen to be over {median('seen'):.2f}"
    )
    found.say(
        f"  the first 10 % visible after {median('tenth'):.2f} s; goal: at most 2 s, and"
        f" {statistics.median(run.tenth - run.started for run in runs):.2f} s after asking for it"
    )
    found.say(f"  cores taken by: {_shares(runs)}")
    found.say(f"A file of {many:,} employees, {large.megabytes:.1f} MB")
    found.say(
        f"  {large.per_second:,.0f} rows/s; uploaded {large.uploaded:.1f} s, read {large.read:.1f}"
        f" s, recorded {large.recorded:.1f} s; cores taken by: {_shares([large])}"
    )
    found.say(
        f"  memory of the process that works, at most: {max(run.memory for run in runs):.0f} MB RSS"
        f" for {rows:,} rows, {large.memory:.0f} MB for {many:,}; of all of the worker’s processes,"
        f" what they share counted once: {max(run.memory_of_all for run in runs):.0f} MB and"
        f" {large.memory_of_all:.0f} MB; goal: under 500 MB, and flat"
    )


def _shares(runs: list[Run]) -> str:
    return ", ".join(
        f"{name} {statistics.median(run.cores[name] for run in runs):.2f}" for name in runs[0].cores
    )


def _person(password: str) -> None:
    from accounts.models import User
    from accounts.roles import Role, assign_role

    if not User.objects.filter(username=_PERSON).exists():
        assign_role(User.objects.create_user(_PERSON, password), Role.ANALYST)


@contextlib.contextmanager
def working() -> Iterator[int]:
    """One background worker, started as the product starts it; gives its process's id."""
    from attrition_site.run import Servers, close_connections

    os.environ["WORKERS"] = "1"
    close_connections()
    servers = Servers()
    try:
        yield servers.start("The background worker", "django", "qcluster")
    finally:
        servers.stop()


# ------------------------------------------------------------------ one file


class _Bench:
    """What brings files, and sees that everyone in them was recorded."""

    def __init__(self, visitor: Visitor, worker: int, folder: Path, found: Measured) -> None:
        self._visitor, self._worker, self._folder, self._found = visitor, worker, folder, found
        self._number = 0

    def run(self, rows: int) -> Run:
        """Bring a file of so many employees, and wait for its end. Raises `BenchmarkError`."""
        from predictions.models import Batch

        self._rest()
        self._number += 1
        path = self._folder / f"staff-{self._number}.csv"
        write_employees(path, rows, seed=self._number)
        with _Watch(self._worker) as watch:
            began, clock = datetime.now(UTC), time.perf_counter()
            columns = self._visitor.send_file("/batches/new/", "file", path)
            uploaded = time.perf_counter() - clock
            address = self._visitor.send_form(columns, {"action": "assess"}, drawn_at=columns)
            started = time.perf_counter() - clock
            tenth, seen = self._follow(address, clock)
        batch = Batch.objects.get(pk=int(address.strip("/").rpartition("/")[2]))
        size = path.stat().st_size / 1e6
        path.unlink()
        self._check(batch, rows)
        if batch.finished_at is None:
            raise BenchmarkError(f"The file ended as {batch.state}: {batch.message}")
        read = max(batch.chunks.values_list("made_at", flat=True))
        return Run(
            rows=rows,
            megabytes=size,
            uploaded=uploaded,
            started=started,
            read=(read - began).total_seconds(),
            tenth=tenth,
            recorded=(batch.finished_at - began).total_seconds(),
            seen=seen,
            memory=watch.memory,
            memory_of_all=watch.memory_of_all,
            cores=watch.cores,
        )

    def _rest(self) -> None:
        """Wait until the worker has nothing left to do."""
        from django_q.models import OrmQ

        deadline = time.monotonic() + _PATIENCE
        while OrmQ.objects.exists():
            if time.monotonic() > deadline:
                raise BenchmarkError("The background worker does not come to an end.")
            time.sleep(_LOOK_EVERY)

    def _follow(self, address: str, clock: float) -> tuple[float, float]:
        """When 10 % was first seen, and the end; as who watches the page learns of it."""
        tenth = 0.0
        while True:
            now: dict[str, Any] = json.loads(self._visitor.get(f"{address}progress/"))
            passed = time.perf_counter() - clock
            if not tenth and (not now["at_work"] or now["percent"] >= 10):
                tenth = passed
            if not now["at_work"]:
                return tenth, passed
            if passed > _PATIENCE:
                raise BenchmarkError(f"{address} is not done after {passed:.0f} s: {now}")
            time.sleep(_LOOK_EVERY)

    def _check(self, batch: Any, rows: int) -> None:
        """Everyone in the file was recorded, once; and what was recorded is confirmed."""
        from django.db.models import Max, Min

        from predictions.models import Prediction
        from predictions.replay import replay

        must = self._found.must
        recorded = Prediction.objects.filter(batch=batch)
        ends = recorded.aggregate(first=Min("row"), last=Max("row"))
        count = recorded.count()
        must(batch.state == "done", f"the file {batch} ended as {batch.state}: {batch.message}")
        must(count == rows, f"{rows} rows in the file, {count} recorded")
        must((ends["first"], ends["last"]) == (2, rows + 1), f"lines {ends} recorded")
        lines = random.Random(0).sample(range(2, rows + 2), min(rows, _SAMPLE))
        confirmed = 0
        for looked_at, findings in replay(recorded.filter(row__in=lines)):
            confirmed += looked_at
            must(not findings, f"not confirmed: {findings[:3]}")
        must(confirmed == len(lines), f"{len(lines)} lines asked for, {confirmed} confirmed")


def write_employees(path: Path, count: int, *, seed: int = 0) -> None:
    """The public file's employees over and over, with references and amounts of their own."""
    from mlcore.public_data import ibm_file

    rng = random.Random(seed)
    headers, *originals = csv.reader(io.StringIO(ibm_file().decode("utf-8-sig")))
    reference, income = headers.index("EmployeeNumber"), headers.index("MonthlyIncome")
    rates = [headers.index(name) for name in ("DailyRate", "HourlyRate", "MonthlyRate")]
    incomes = [int(row[income]) for row in originals]
    least, most = min(incomes), max(incomes)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headers)
        for number in range(count):
            row = list(originals[number % len(originals)])
            row[reference] = f"{seed}-{number + 1:07d}"
            row[income] = str(min(most, max(least, int(row[income]) + rng.randint(-400, 400))))
            for place in rates:
                row[place] = str(int(row[place]) + rng.randint(0, 99))
            writer.writerow(row)


# ------------------------------------------------------------------ what it takes


class _Watch:
    """Looks at a process and its children again and again while the block runs."""

    _EVERY = 0.1  # seconds

    def __init__(self, worker: int) -> None:
        self._worker = worker
        self._database = _postmaster()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.memory = self.memory_of_all = 0.0
        self.cores: dict[str, float] = {}

    def __enter__(self) -> _Watch:
        self._begun, self._before = time.perf_counter(), self._taken()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        seconds = time.perf_counter() - self._begun
        after = self._taken()
        self.cores = {name: (after[name] - self._before[name]) / seconds for name in after}

    def _taken(self) -> dict[str, float]:
        taken = {
            "worker": processes.tree_cpu_seconds(self._worker),
            "database": processes.tree_cpu_seconds(self._database),
        }
        return {**taken, "all else": processes.machine_cpu_seconds() - sum(taken.values())}

    def _look(self) -> None:
        while not self._over.wait(self._EVERY):
            several = []
            for pid in processes.tree(self._worker):
                with contextlib.suppress(OSError, LookupError):
                    several.append(processes.memory(pid))
            self.memory = max([self.memory, *(one.rss for one in several)])
            self.memory_of_all = max(self.memory_of_all, sum(one.pss for one in several))


def _postmaster() -> int:
    """The database's first process, which starts all others."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    return processes.parent(pid)
