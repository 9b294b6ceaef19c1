"""What a history of many years costs: space, time to write, to read, to back up and to put away.

Beside the table as it is, its twin is measured that is partitioned by month.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import filling
from benchmarks.installation import USERNAME, Installation, employees
from tests.postgres import programs

if TYPE_CHECKING:
    from benchmarks.measurements import Measured, Plan

_TABLE = "predictions_prediction"
_WHOLE = "predictions_whole"
_TWIN = "predictions_twin"
_PARTS = 4
"""It is looked at when a quarter, a half, three quarters and all of it are there."""
_MONTHS, _QUICK_MONTHS = 12, 3
_OWN_ROWS = 1_000
_OWN_TIMES = 5
_RESTORED = "attrition_restored"


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The database at one size."""

    rows: int
    rate: float
    """Rows a second that the database wrote, by one statement for each month's file."""
    own_rate: float
    """Rows a second that the product wrote, `_OWN_ROWS` at a time, each judged and scored."""
    vacuum: float
    """Seconds of VACUUM after a quarter was added."""
    analyze: float
    """Seconds of ANALYZE."""
    dashboard: float
    """Seconds to compute the dashboard's account in the background."""
    bytes: dict[str, int]
    """Of the table, and of each of its indexes."""
    reads: dict[str, float]
    """Milliseconds, the median."""


def growth(place: Installation, plan: Plan, found: Measured) -> None:
    """A history in four steps, then a backup, its way back, and the twin by months."""
    from accounts.models import User
    from accounts.roles import Role, assign_role

    os.environ["PATH"] = f"{programs()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    analyst = User.objects.create_user("growth-analyst")
    assign_role(analyst, Role.ANALYST)
    program = User.objects.get(username=USERNAME)
    history = filling.begin(analyst, program)
    most = 12_000 if plan.quick else plan.predictions
    looks = []
    for part in range(1, _PARTS + 1):
        looks.append(_grown(history, most // _PARTS, part - 1, plan))
        found.say(f"{looks[-1].rows:,} predictions are there")
    _tell(found, looks)
    _back_up_and_restore(found, looks[-1].rows)
    _partitioned(found, looks[-1], program, plan)


def _grown(history: filling.History, more: int, part: int, plan: Plan) -> _Look:
    from predictions.models import Prediction
    from predictions.overview import keeping

    before = Prediction.objects.count()
    months = _QUICK_MONTHS if plan.quick else _MONTHS
    rate = _seconds(
        lambda: filling.fill(
            history, before + more, months=months, recent=part * months, settle=False
        )
    )
    times = 1 if plan.quick else _OWN_TIMES
    own = _seconds(lambda: _own(history, times))
    vacuum = _seconds(lambda: _run(f"VACUUM {_TABLE}"))
    analyze = _seconds(lambda: _run("ANALYZE"))
    newest = Prediction.objects.values_list("created_at", flat=True).first()
    dashboard = _seconds(lambda: keeping.compute_and_keep(newest))
    rows = Prediction.objects.count()
    return _Look(
        rows=rows,
        rate=more / rate,
        own_rate=_OWN_ROWS * times / own,
        vacuum=vacuum,
        analyze=analyze,
        dashboard=dashboard,
        bytes=dict(_sizes(_TABLE)),
        reads=dict(_reads(history.program, plan)),
    )


def _own(history: filling.History, times: int) -> None:
    """Rows as the product writes them: judged, scored, explained and recorded."""
    from mlcore import registry
    from predictions.models import Source
    from predictions.services import Request, predict_frame

    active = registry.active()
    people = employees()[:_OWN_ROWS]
    columns = {name: [row.get(name) for row in people] for name in people[0]}
    request = Request(requested_by=history.program, source=Source.API, request_id="growth")
    for _ in range(times):
        frame = active.schema.clean_frame(columns)
        predict_frame(frame, using=active, request=request)


# ------------------------------------------------------------------ what is asked


def _reads(program: Any, plan: Plan) -> Iterator[tuple[str, float]]:
    """The main queries of the history and of the dashboard; by name, the median in ms."""
    from predictions.criteria import Criteria, Position
    from predictions.models import Prediction
    from predictions.overview.keeping import newest_overview
    from predictions.search import Search

    oldest, newest = (
        Prediction.objects.order_by(name).values_list("created_at", flat=True)[0]
        for name in ("created_at", "-created_at")
    )
    middle = Prediction.objects.filter(created_at__lte=oldest + (newest - oldest) / 2)
    deep = Position.of(middle.order_by("-created_at", "-id")[0])

    def page(start: Position | None = None, **criteria: Any) -> Callable[[], object]:
        return lambda: Search(Criteria(**criteria)).page(size=50, start=start)

    asked: dict[str, Callable[[], object]] = {
        "history": page(),
        "history, deep": page(start=deep),
        "high or very high": page(bands=("high", "very_high")),
        "one employee": page(employee="E-000100"),
        "a program's own": page(requested_by=program.pk),
        "how many there are": lambda: Search(Criteria()).count(),
        "dashboard": newest_overview,
    }
    for name, read in asked.items():
        times = [_seconds(read) for _ in range(max(5, plan.repeats // 10))]
        yield name, statistics.median(times) * 1000


def _sizes(table: str) -> Iterator[tuple[str, int]]:
    """Bytes of the table with what it keeps apart, then of its indexes, the largest first."""
    yield "table", _row(f"SELECT pg_table_size('{table}')")[0]
    sql = (
        "SELECT indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes"
        f" WHERE relname = '{table}' ORDER BY 2 DESC"
    )
    yield from _rows(sql)


def _tell(found: Measured, looks: Sequence[_Look]) -> None:
    def line(name: str, values: Sequence[object], form: str) -> None:
        found.say(f"  {name:32} " + " ".join(f"{value:>12{form}}" for value in values))

    found.say("By the number of predictions")
    line("predictions", [look.rows for look in looks], ",")
    line("written by the database, rows/s", [look.rate for look in looks], ",.0f")
    line("written by the product, rows/s", [look.own_rate for look in looks], ",.0f")
    line("VACUUM, s", [look.vacuum for look in looks], ".1f")
    line("ANALYZE, s", [look.analyze for look in looks], ".1f")
    line("dashboard computed, s", [look.dashboard for look in looks], ".1f")
    line("all of it, GB", [sum(look.bytes.values()) / 1e9 for look in looks], ".2f")
    found.say("  MB for each million predictions")
    for name in looks[-1].bytes:
        line(f"  {name}", [look.bytes[name] / look.rows for look in looks], ".0f")
    found.say("  milliseconds, the median")
    for name in looks[-1].reads:
        line(f"  {name}", [look.reads[name] for look in looks], ".1f")


# ------------------------------------------------------------------ backup


def _back_up_and_restore(found: Measured, rows: int) -> None:
    from django.db import connection

    from predictions.backups import keeping

    with tempfile.TemporaryDirectory(prefix="attrition-growth-") as folder:
        file = Path(folder) / "growth.backup"
        took = _seconds(lambda: keeping.back_up(file))
        size = file.stat().st_size
        found.say(
            f"Backup of {rows:,} predictions: {took:.1f} s, {size / 1e6:,.0f} MB,"
            f" {size / rows:.0f} bytes a prediction"
        )
        _run(f"CREATE DATABASE {_RESTORED}")
        usual = connection.settings_dict["NAME"]
        connection.close()
        connection.settings_dict["NAME"] = _RESTORED
        try:
            took = _seconds(lambda: keeping.restore(file, say=lambda _line: None))
            held = _row(f"SELECT count(*) FROM {_TABLE}")[0]
            found.must(held == rows, f"{held} predictions came back of {rows}.")
        finally:
            connection.close()
            connection.settings_dict["NAME"] = usual
        found.say(f"Its way back, counted and confirmed: {took:.1f} s")
        _run(f"DROP DATABASE {_RESTORED}")


# ------------------------------------------------------------------ by month


def _partitioned(found: Measured, look: _Look, program: Any, plan: Plan) -> None:
    """The same rows in partitions, asked by the same queries; then one month is put away."""
    indexes = [
        sql.split(" USING ", 1)[1]
        for (sql,) in _rows(f"SELECT indexdef FROM pg_indexes WHERE tablename = '{_TABLE}'")
        if "UNIQUE" not in sql
    ]
    copied = _seconds(_make_twin)
    indexed = _seconds(
        lambda: [_run(f"CREATE INDEX ON {_TWIN} USING {columns}") for columns in indexes]
    )
    _run(f"CREATE UNIQUE INDEX ON {_TWIN} (batch_id, row, created_at) WHERE batch_id IS NOT NULL")
    _run(f"VACUUM (ANALYZE) {_TWIN}")
    sql = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{}'::regclass"
    parts = sorted(name for (name,) in _rows(sql.format(_TWIN)))
    found.say(
        f"Partitioned by month: {len(parts)} partitions, copied in {copied:.0f} s, indexed in"
        f" {indexed:.0f} s"
    )
    _swap(_TABLE, _WHOLE, _TWIN)
    try:
        reads = dict(_reads(program, plan))
    finally:
        _swap(_TABLE, _TWIN, _WHOLE)
    found.say("  milliseconds, the median: as it is, and partitioned")
    for name, before in look.reads.items():
        found.say(f"    {name:32} {before:>8.1f} {reads[name]:>8.1f}")
    month = parts[len(parts) // 2]
    rows = _row(f"SELECT count(*) FROM {month}")[0]
    detached = _seconds(lambda: _run(f"ALTER TABLE {_TWIN} DETACH PARTITION {month} CONCURRENTLY"))
    dropped = _seconds(lambda: _run(f"DROP TABLE {month}"))
    found.say(
        f"  A month of {rows:,} predictions: detached in {detached * 1000:.0f} ms, dropped in"
        f" {dropped * 1000:.0f} ms"
    )
    _run(f"DROP TABLE {_TWIN}")


def _make_twin() -> None:
    first, last = _row(
        f"SELECT date_trunc('month', min(created_at))::date,"
        f" date_trunc('month', max(created_at))::date FROM {_TABLE}"
    )
    _run(f"CREATE TABLE {_TWIN} (LIKE {_TABLE}) PARTITION BY RANGE (created_at)")
    _run(f"ALTER TABLE {_TWIN} ADD PRIMARY KEY (id, created_at)")
    year, month = first.year, first.month
    while (year, month) <= (last.year, last.month):
        after = (year + month // 12, month % 12 + 1)
        _run(
            f"CREATE TABLE {_TWIN}_{year}_{month:02} PARTITION OF {_TWIN} FOR VALUES"
            f" FROM ('{year}-{month:02}-01') TO ('{after[0]}-{after[1]:02}-01')"
        )
        year, month = after
    _run(f"INSERT INTO {_TWIN} SELECT * FROM {_TABLE}")


def _swap(now: str, aside: str, instead: str) -> None:
    """What is called `now` gets out of the way of another table."""
    _run(f"ALTER TABLE {now} RENAME TO {aside}")
    _run(f"ALTER TABLE {instead} RENAME TO {now}")


# ------------------------------------------------------------------ asking


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _run(sql: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)


def _rows(sql: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _row(sql: str) -> Any:
    return _rows(sql)[0]
