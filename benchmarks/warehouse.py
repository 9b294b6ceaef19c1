"""The bundled model as SQL, in databases: how many rows a second, and how far from our own result.

python -m benchmarks warehouse
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import engine
from mlcore.engine import sql
from mlcore.engine.features import Feature

if TYPE_CHECKING:
    from benchmarks.installation import Installation
    from benchmarks.measurements import Measured, Plan

ROWS, QUICK_ROWS = 1_000_000, 5_000
_TABLE = "staff"

Ask = Callable[[str], list[tuple[Any, ...]]]


def warehouse(place: Installation, plan: Plan, found: Measured) -> None:
    """Each row's probability, in one statement, as a table that is made of it."""
    made = engine.bundled()
    count = QUICK_ROWS if plan.quick else ROWS
    frame = engine.workforce(made.schema, count)
    columns: list[Sequence[Any]] = [range(count), *frame.inputs.values()]
    own = made.model.score_frame(frame).probability
    found.say(f"The bundled model as one SQL expression, over {count:,} rows (median of 3)")
    for name, prepare in (("postgresql", _postgresql), ("sqlite", _sqlite), ("duckdb", _duckdb)):
        dialect = sql.DIALECTS[name]
        expression = sql.probability(made.model, made.schema, dialect)
        ask = prepare(made.schema.features, columns)
        seconds = []
        for _ in range(3):
            ask("DROP TABLE IF EXISTS scored")
            begun = time.perf_counter()
            ask(f"CREATE TABLE scored AS SELECT place, {expression} AS p FROM {_TABLE}")
            seconds.append(time.perf_counter() - begun)
        answered = dict(ask("SELECT place, p FROM scored"))
        theirs = np.array([answered[number] for number in range(count)], dtype=np.float64)
        # A row without a probability makes this no number, which meets no goal.
        gap = float(np.max(np.abs(theirs - own)))
        found.say(
            f"  {name:11} {count / statistics.median(seconds):>12,.0f} rows/s;"
            f" {len(expression) / 1000:.0f} kB of SQL; largest difference {gap:.0e}; goal: 1e-09"
        )
        found.must(gap <= 1e-9, f"{name}: a row differs by {gap}")


def _kinds(features: Sequence[Feature], number: str, text: str, whole: str) -> str:
    kinds = [f"place {whole}"]
    for feature in features:
        kind = number
        if feature.choices:
            kind = whole if isinstance(feature.choices[0].value, int) else text
        kinds.append(f'"{feature.name}" {kind}')
    return ", ".join(kinds)


def _postgresql(features: Sequence[Feature], columns: list[Sequence[Any]]) -> Ask:
    from django.db import connection

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    ask(f"CREATE TABLE {_TABLE} ({_kinds(features, 'float8', 'text', 'integer')})")
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {_TABLE} FROM STDIN") as copy,
    ):
        for row in zip(*columns, strict=True):
            copy.write_row(row)
    ask(f"VACUUM ANALYZE {_TABLE}")
    return ask


def _sqlite(features: Sequence[Feature], columns: list[Sequence[Any]]) -> Ask:
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {_TABLE} ({_kinds(features, 'REAL', 'TEXT', 'INTEGER')})")
    places = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO {_TABLE} VALUES ({places})", zip(*columns, strict=True))
    return lambda statement: database.execute(statement).fetchall()


def _duckdb(features: Sequence[Feature], columns: list[Sequence[Any]]) -> Ask:
    import duckdb
    import pandas as pd

    names = ["place", *(feature.name for feature in features)]
    given = pd.DataFrame(dict(zip(names, columns, strict=True)))
    database = duckdb.connect()
    database.register("given", given)
    database.execute(f"CREATE TABLE {_TABLE} ({_kinds(features, 'DOUBLE', 'VARCHAR', 'INTEGER')})")
    database.execute(f"INSERT INTO {_TABLE} SELECT * FROM given")
    return lambda statement: database.execute(statement).fetchall()
