"""A history as long as it gets: years of monthly files, and what people and programs ask between.

Two thousand predictions are made by the product's own service; the others are copies of them under
other numbers, references, dates and files, written by the database itself. Every index, constraint
and trigger is the product's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.installation import BenchmarkError, employees

ORIGINALS = 2000
_MONTH = timedelta(days=30)
# Of what is added, the share that comes with files; the rest comes by API, a quarter of it by form.
_BY_FILE = 0.9
_ROWS_PER_SECOND = 15_000

_COPY = """
INSERT INTO predictions_prediction (
    id, created_at, source, request_id, batch_id, row, employee_id, groups, requested_by_id,
    model_version_id, model_sha256,
    audit_attributes, inputs, probability, log_odds, intercept, floor, contributions, base_rate,
    threshold, band
)
SELECT
    uuidv7(moment - clock_timestamp()), moment, {source}, {request}, {batch}, {row},
    'E-' || lpad(({employee})::text, 6, '0'), {groups}, {requested_by},
    %(model)s, %(sha256)s,
    audit_attributes, inputs, probability, log_odds, intercept, floor, contributions, base_rate,
    threshold, band
FROM (
    SELECT n, %(begin)s::timestamptz + n * %(step)s::interval AS moment,
        1 + (n * 37 + %(month)s * 11) %% %(originals)s AS original
    FROM generate_series(1, %(rows)s) AS n
    OFFSET 0
) AS wanted
JOIN original ON original.place = wanted.original
ORDER BY n
"""
_OF_A_FILE = _COPY.format(
    source="'file'",
    request="'fill-' || %(month)s",
    batch="%(batch)s",
    row="n + 1",
    employee="n",
    groups="jsonb_build_object('Site', 'Site ' || n %% 7)",
    requested_by="%(analyst)s",
)
_BY_ONE = _COPY.format(
    source="CASE WHEN n %% 4 = 0 THEN 'form' ELSE 'api' END",
    request="md5(%(month)s || '-' || n)",
    batch="NULL::bigint",
    row="NULL::bigint",
    employee="1 + (n * 7919) %% %(people)s",
    groups="'{}'::jsonb",
    requested_by="CASE WHEN n %% 4 = 0 THEN %(analyst)s ELSE %(program)s END",
)


@dataclass(frozen=True, kw_only=True)
class History:
    """What there is before anything is filled in."""

    analyst: Any
    """Who brings files and fills forms."""
    program: Any
    """Who asks through the API."""
    earlier: Any
    """The model that answered in the first half of the time; the active one answers since."""
    begins: datetime
    """The originals are as old as this; what is filled in is older."""


def begin(analyst: Any, program: Any) -> History:
    """Register an earlier model and record the originals, through the product's own service."""
    from django.utils import timezone

    from mlcore import registry, services
    from mlcore.engine import artifact
    from mlcore.models import Origin
    from predictions.models import Source
    from predictions.services import Request, predict_frame

    active = registry.active()
    card = {**active.artifact.card, "name": "earlier"}
    earlier = services.register(
        files=artifact.files_of(replace(active.artifact, card=card)), origin=Origin.TRAINED
    )
    people = employees()
    rows = [
        {**people[n % len(people)], "employee_id": f"E-{n:06}", "distance_from_home": n % 29 + 1}
        for n in range(ORIGINALS)
    ]
    columns = {name: [row.get(name) for row in rows] for name in rows[0]}
    frame = active.schema.clean_frame(columns)
    request = Request(requested_by=program, source=Source.API, request_id="fill-originals")
    begins = timezone.now()
    if len(predict_frame(frame, using=active, request=request).ids) != ORIGINALS:
        raise BenchmarkError("The originals were not all accepted.")
    return History(analyst=analyst, program=program, earlier=earlier, begins=begins)


def fill(
    history: History, total: int, *, months: int, recent: int = 0, settle: bool = True
) -> list[Any]:
    """Add predictions until there are `total`, as many for each of `months` months.

    The `recent` months before now are left as they are; the first half is the earlier model's.
    Unless it is not to `settle`, the table is then vacuumed and looked through.

    Gives the files, the oldest first. Raises `BenchmarkError` when the number is another one.
    """
    from django.db import connection, transaction

    from mlcore import registry
    from predictions.models import Prediction

    active = registry.active()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS original")
        cursor.execute(
            "CREATE TEMPORARY TABLE original AS"
            " SELECT row_number() OVER (ORDER BY id) AS place, p.* FROM predictions_prediction p"
            " WHERE request_id = 'fill-originals' LIMIT %s",
            [ORIGINALS],
        )
        cursor.execute("ANALYZE original")
    missing = total - Prediction.objects.count()
    files = []
    for month in range(months):
        rows = missing * (month + 1) // months - missing * month // months
        by_file = round(rows * _BY_FILE)
        early = month < months // 2
        values = {
            "month": month,
            "originals": ORIGINALS,
            "people": by_file,
            "model": history.earlier.pk if early else active.id,
            "sha256": history.earlier.sha256 if early else active.artifact.sha256,
            "analyst": history.analyst.pk,
            "program": history.program.pk,
        }
        begins = history.begins.astimezone(UTC) - (recent + months - month) * _MONTH
        with transaction.atomic():
            batch = _batch(history, month, by_file, begins, values["model"], active)
            files.append(batch)
            step = timedelta(seconds=1 / _ROWS_PER_SECOND)
            _insert(_OF_A_FILE, values, begins, step, by_file, batch=batch.pk)
            begins += timedelta(days=1)
            _insert(_BY_ONE, values, begins, timedelta(days=27) / (rows - by_file), rows - by_file)
    if (found := Prediction.objects.count()) != total:
        raise BenchmarkError(f"{found} predictions instead of {total}.")
    if settle:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE) predictions_prediction")
            cursor.execute("ANALYZE")
    return files


def _insert(
    sql: str, values: dict[str, Any], begin: datetime, step: timedelta, rows: int, **more: Any
) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        named: Any = {**values, **more, "begin": begin, "step": step, "rows": rows}
        cursor.execute(sql, named)


def _batch(
    history: History, month: int, rows: int, begins: datetime, model: int, active: Any
) -> Any:
    from predictions.models.batch import Batch, BatchState

    moderate, high, very_high = active.operating_point.bounds
    batch = Batch.objects.create(
        name=f"employees-{month:02}.csv",
        sha256=f"{month:064x}",
        size=rows * 150,
        uploaded_by=history.analyst,
        uploaded_at=begins - timedelta(minutes=5),
        request_id=f"fill-{month}",
        state=BatchState.DONE,
        rows=rows,
        model_version_id=model,
        moderate_from=moderate,
        threshold=high,
        very_high_from=very_high,
        started_by=history.analyst,
        started_at=begins,
        finished_at=begins + timedelta(seconds=rows / _ROWS_PER_SECOND + 2),
    )
    # Between its chunks' moments a file's rows are looked for: of the first, and of the last.
    for number, after in enumerate((0.0, rows / _ROWS_PER_SECOND)):
        batch.chunks.create(
            number=number, rows=0, content=b"", done_at=begins + timedelta(seconds=after)
        )
    return batch
