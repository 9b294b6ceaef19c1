"""How long pages take while the history grows: each at two sizes, asked for as a browser does."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

from benchmarks import filling, processes
from benchmarks.installation import (
    USERNAME,
    BenchmarkError,
    Installation,
    Server,
    employees,
    serving,
)
from benchmarks.load import Load, drive, get

if TYPE_CHECKING:
    from benchmarks.measurements import Measured, Plan

_MOST_SECONDS = 0.150
_MOST_TIMES = 1.3
DEPTHS = (0.03, 0.2, 0.4, 0.6, 0.8, 0.97)
"""Places in the history, from the newest (0) to the oldest (1)."""
_HISTORY, _API = "/predictions/", "/api/v1/predict/history"
# What is asked before anything is timed: each worker process has then drawn each page.
_WARM = 6
_SMALL = "small"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is stored when the pages are timed."""

    total: int
    """Predictions."""
    file: int
    """Of them, those of the last file, which goes the product's whole way."""
    months: int


# As many files at both sizes, of fewer people: a page then holds as much.
SIZES = (
    Size(total=10_000, file=1_000, months=48),
    Size(total=5_000_000, file=100_000, months=48),
)
QUICK_SIZES = (Size(total=3_000, file=100, months=2), Size(total=4_000, file=200, months=2))


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A page: its addresses, asked for in turn."""

    name: str
    addresses: Sequence[str]
    person: str


def pages(place: Installation, plan: Plan, found: Measured) -> None:
    """Every page of the history, of files, of a person and of the dashboard, at two sizes.

    The first size is kept in a database of its own, so that both are asked in turn: whatever
    disturbs the machine falls upon both.
    """
    from accounts.models import User

    sizes = QUICK_SIZES if plan.quick else SIZES
    people = _people()
    heads = {name: _head(person) for name, person in people.items()}
    history = filling.begin(people["analyst"], User.objects.get(username=USERNAME))
    asked: list[list[_Asked]] = []
    months = 0
    for size in sizes:
        begun = time.perf_counter()
        files = filling.fill(history, size.total - size.file, months=size.months, recent=months)
        months += size.months
        batch = _assessed_file(people["analyst"], size.file)
        overview = _overview()
        _settle()
        found.say(
            f"{place.records():,} predictions stored, {_stored()} GB with their indexes, after"
            f" {time.perf_counter() - begun:.0f} s; the dashboard computed in {overview:.1f} s"
        )
        asked.append(list(_pages(history, files, batch)))
        if size is not sizes[-1]:
            _copy_database(_SMALL)
    with contextlib.ExitStack() as stack:
        with _instead(_SMALL):
            small = stack.enter_context(serving(place, workers=2))
        large = stack.enter_context(serving(place, workers=2))
        timed = _timed(place, (small, large), asked, heads, plan)
    for name, loads in timed.items():
        for load in loads:
            found.must(
                load.errors == 0,
                f"{name}: {load.errors} not answered with 200: {load.unexpected[:300]!r}",
            )
    _tell(found, sizes, timed)


def _timed(
    place: Installation,
    servers: Sequence[Server],
    asked: list[list[_Asked]],
    heads: dict[str, str],
    plan: Plan,
) -> dict[str, list[_Answers]]:
    """By page, what came back from each server."""
    timed: dict[str, list[_Answers]] = {}
    for pages_of_one_name in zip(*asked, strict=True):
        answers = timed[pages_of_one_name[0].name] = [_Answers() for _ in servers]
        ready = []
        for server, page in zip(servers, pages_of_one_name, strict=True):
            head = heads.get(page.person) or _program_s_head(place, server)
            requests = [get(each, host=server.authority, head=head) for each in page.addresses]
            _drive(server, requests, connections=2, count=2 if plan.quick else _WARM)
            ready.append(requests)
        for _ in range(plan.rounds):
            for answer, server, requests in zip(answers, servers, ready, strict=True):
                busy = [*server.workers, *place.database_processes()]
                before = processes.cpu_seconds(busy)
                answer.add(_drive(server, requests, connections=1, count=plan.repeats // 4))
                answer.processor += processes.cpu_seconds(busy) - before
                requests.append(requests.pop(0))
    return timed


def _program_s_head(place: Installation, server: Server) -> str:
    # Anew for each page: a token lasts for minutes, and the benchmark longer.
    return f"Authorization: Bearer {place.sign_in(*server.address)}\r\nAccept: application/json"


@dataclass(kw_only=True)
class _Answers(Load):
    """What came back, and what it cost."""

    processor: float = 0.0
    """Seconds of processor time that the web workers and the database took."""

    @property
    def each(self) -> float:
        """Milliseconds of processor time for one answer."""
        return self.processor / max(1, len(self.latencies)) * 1000


def _drive(server: Server, requests: list[bytes], *, connections: int, count: int) -> Load:
    return drive(
        server.address, requests, connections=connections, seconds=60, at_most=count, expect=200
    )


def _tell(found: Measured, sizes: Sequence[Size], timed: dict[str, list[_Answers]]) -> None:
    found.say(
        f"Milliseconds until a page is read whole, {sizes[0].total:,} predictions and"
        f" {sizes[1].total:,}; one request at a time, in turn"
    )
    found.say(
        f"  goal: p95 at most {_MOST_SECONDS * 1000:.0f}; the median at most {_MOST_TIMES} times"
        " what it was"
    )
    columns = f"{'median':>7} {'p95':>6} {'work':>6}"
    found.say(f"  {'':36} {columns}   {columns}   {'median ×':>8} {'p95 ×':>6} {'work ×':>6}")
    for name, (before, after) in timed.items():
        times, slowest = (after.quantile(q) / before.quantile(q) for q in (0.5, 0.95))
        met = after.quantile(0.95) <= _MOST_SECONDS and times <= _MOST_TIMES
        figures = "   ".join(
            f"{one.quantile(0.5) * 1000:>7.1f} {one.quantile(0.95) * 1000:>6.1f} {one.each:>6.1f}"
            for one in (before, after)
        )
        work = after.each / before.each if before.each else float("nan")
        found.say(
            f"  {name:36} {figures}   {times:>8.2f} {slowest:>6.2f} {work:>6.2f}"
            f"{'' if met else '  above the goal'}"
        )
    found.say("  work: processor time of the web workers and the database for one answer, in ms")


# ------------------------------------------------------------------ what is asked for


def _pages(history: filling.History, files: list[Any], batch: Any) -> Iterator[_Asked]:
    old = files[len(files) // 4]
    months = [file.started_at.date() for file in files]

    def at(address: str, **query: Any) -> list[str]:
        return [f"{address}?{urlencode(query, doseq=True)}" if query else address]

    def page(name: str, addresses: Sequence[str], person: str = "analyst") -> _Asked:
        return _Asked(name=name, addresses=addresses, person=person)

    yield page("history", at(_HISTORY))
    yield page("history, deep", deep(_HISTORY, {}))
    one: dict[str, dict[str, Any]] = {
        "very high": {"band": "very_high"},
        "high or very high": {"band": ["high", "very_high"]},
        "by form": {"source": "form"},
        "by form or API": {"source": ["form", "api"]},
        "earlier model": {"model_version": history.earlier.version},
        "earlier model, by form, low": {
            "model_version": history.earlier.version,
            "source": "form",
            "band": "low",
        },
        "a few references": {"employee_id": "E-00011"},
        "many references": {"employee_id": "E-00"},
        "many references, very high": {"employee_id": "E-00", "band": "very_high"},
        "no reference": {"employee_id": "none"},
        "a file": {"batch": old.pk},
        "a file, low": {"batch": old.pk, "band": "low"},
        "a file, a few references": {"batch": old.pk, "employee_id": "E-00011"},
    }
    for name, query in one.items():
        yield page(f"history, {name}", at(_HISTORY, **query))
    yield page("history, very high, deep", deep(_HISTORY, {"band": "very_high"}))
    yield page(
        "history, a month",
        [
            at(_HISTORY, created_from=day, created_to=day + timedelta(days=29))[0]
            for day in months[:: max(1, len(months) // 12)]
        ],
    )
    yield page("one result", [f"{_HISTORY}{pk}/" for pk in _some("pk")])
    yield page("an employee over time", _of_employees("/predictions/employee/"))
    yield page("files", at("/batches/"))
    results = batch.get_absolute_url()
    last = -(-batch.rows // 50)
    yield page("a file's results", at(results))
    yield page(
        "a file's results, deep", [at(results, page=n)[0] for n in (last // 3, last // 2, last)]
    )
    yield page("a file's results, very high", at(results, band="very_high"))
    yield page("a file's results, a department", at(results, **{"g.Department": "Sales"}))
    yield page("dashboard", at("/"))
    yield page("API, history", at(_API), "program")
    yield page("API, history, deep", deep(_API, {}), "program")
    yield page("API, history, very high", at(_API, band="very_high"), "program")
    admin = "/admin/predictions/prediction/"
    yield page("audit", at(admin), "auditor")
    yield page("audit, deep", [at(admin, p=n)[0] for n in (5, 20, 50)], "auditor")
    yield page("audit, very high", at(admin, band__exact="very_high"), "auditor")
    yield page("audit, earlier model", at(admin, model=history.earlier.pk), "auditor")
    yield page("audit, a reference", at(admin, q="E-000123"), "auditor")
    yield page("audit, many references", at(admin, q="E-0"), "auditor")
    yield page("audit, one", [f"{admin}{pk}/change/" for pk in _some("pk")], "auditor")
    yield page("audit, files", at("/admin/predictions/batch/"), "auditor")


def deep(address: str, query: dict[str, Any]) -> list[str]:
    """A list's addresses at `DEPTHS`."""
    from predictions.criteria import Position
    from predictions.models import Prediction
    from predictions.pagination import CURSOR, cursor

    newest = Prediction.objects.latest("created_at").created_at
    oldest = Prediction.objects.earliest("created_at").created_at
    places = [Position(newest - (newest - oldest) * depth, UUID(int=0)) for depth in DEPTHS]
    return [f"{address}?{urlencode({**query, CURSOR: cursor(place)})}" for place in places]


def _some(column: str) -> list[Any]:
    """Of predictions from all of the time."""
    from predictions.models import Prediction

    newest = Prediction.objects.latest("created_at").created_at
    oldest = Prediction.objects.earliest("created_at").created_at
    found = []
    for part in range(1, 40):
        moment = oldest + (newest - oldest) * part / 40
        rows = Prediction.objects.filter(created_at__lte=moment).order_by("-created_at", "-id")
        found.append(rows.values_list(column, flat=True)[0])
    return found


def _of_employees(address: str) -> list[str]:
    return [f"{address}?{urlencode({'reference': name})}" for name in _some("employee_id")]


# ------------------------------------------------------------------ who asks, and what there is


def _people() -> dict[str, Any]:
    from accounts.models import User
    from accounts.roles import Role, assign_role

    people = {}
    for name, role in (("analyst", Role.ANALYST), ("auditor", Role.AUDITOR)):
        people[name] = User.objects.create_user(f"pages-{name}")
        assign_role(people[name], role)
    return people


def _head(person: Any) -> str:
    """The header of a request by someone who is signed in."""
    from django.test import Client

    client = Client()
    client.force_login(person, "accounts.backends.RoleBackend")
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return f"Cookie: {cookies}\r\nAccept: text/html\r\nAccept-Language: en"


def _assessed_file(analyst: Any, rows: int) -> Any:
    """A file of so many people, brought and assessed as the product does it."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    from mlcore import registry
    from mlcore.engine.ingest import matching
    from predictions.batches import files, first_rows, jobs
    from predictions.models.batch import BatchState

    public = employees()
    departments = ("Sales", "Research", "Support")
    text = io.StringIO()
    writer = csv.DictWriter(text, [*public[0], "Department"])
    writer.writeheader()
    for n in range(rows):
        person = {**public[n % len(public)], "employee_id": f"E-{n + 1:06}"}
        writer.writerow({**person, "Department": departments[n % 3]})
    batch = files.bring(SimpleUploadedFile("now.csv", text.getvalue().encode()), by=analyst)
    looked_at = [cells for _line, cells in first_rows.of(batch)]
    columns = matching.match(batch.headers, looked_at, registry.active().schema)
    batch.matched = {column.field: column.place for column in columns if column.field}
    batch.grouped = [column.place for column in columns if column.header == "Department"]
    batch.save()
    jobs.begin(batch, record=True, by=analyst)
    while jobs.work(batch.pk):
        pass
    batch.refresh_from_db()
    if batch.state != BatchState.DONE:
        raise BenchmarkError(f"The file of {rows} was not assessed to its end: {batch.state}.")
    return batch


def _overview() -> float:
    """Computes the dashboard, as the background does; how many seconds that took."""
    from predictions.overview import tasks

    begun = time.perf_counter()
    tasks.refresh()
    return time.perf_counter() - begun


def _copy_database(name: str) -> None:
    """The database as it is now, kept under another name."""
    import psycopg
    from django.db import connection

    parameters = connection.get_connection_params()
    here = {key: parameters[key] for key in ("host", "user", "port") if parameters.get(key)}
    connection.close()
    with psycopg.connect(dbname="postgres", autocommit=True, **here) as other:
        other.execute(f"CREATE DATABASE {name} TEMPLATE {parameters['dbname']}")


@contextlib.contextmanager
def _instead(name: str) -> Iterator[None]:
    """A server that is started meanwhile uses the database of that name."""
    usual = os.environ["DATABASE_URL"]
    parts = urlsplit(usual)
    os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))
    try:
        yield
    finally:
        os.environ["DATABASE_URL"] = usual


def _settle() -> None:
    """What a database at rest has done: the last rows written, the tables looked through."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


def _stored() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('predictions_prediction')")
        (size,) = cursor.fetchone()
    return f"{size / 1e9:.1f}"
