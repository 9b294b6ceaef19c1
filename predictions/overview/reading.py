"""The rows that an account is computed from: the latest prediction of each employee, in portions.

Both databases answer alike. PostgreSQL leaps through the index of employees from one reference to
the next (a loose index scan), so the time taken grows with the employees and not with all that was
ever recorded of them; SQLite, for a small installation, ranks every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

PORTION = 4096
"""Rows held at once."""

Row = tuple[Any, ...]
"""(model, band, probability, inputs, groups, recent); inputs and groups as the JSON text that is
stored, recent whether it was made since a moment."""

_TABLE = "predictions_prediction"
_COLUMNS = "model_version_id, band, probability, inputs, groups"

# The comparison and the order are those of the index `prediction_employee`, which sorts references
# byte by byte whatever the database's language is. `created_at` is compared by `>=` and not `=`:
# many rows of a file may share a moment, and the planner must not look for a person among them.
_LATEST_BY_LEAPS = f"""
WITH RECURSIVE person (employee_id, created_at) AS (
  (SELECT employee_id, created_at FROM {_TABLE} WHERE employee_id ~>~ ''
   ORDER BY employee_id USING ~<~, created_at DESC LIMIT 1)
  UNION ALL
  SELECT following.employee_id, following.created_at FROM person CROSS JOIN LATERAL (
    SELECT employee_id, created_at FROM {_TABLE} WHERE employee_id ~>~ person.employee_id
    ORDER BY employee_id USING ~<~, created_at DESC LIMIT 1
  ) AS following
)
SELECT latest.* FROM person CROSS JOIN LATERAL (
  SELECT {_COLUMNS}, created_at >= %s FROM {_TABLE}
  WHERE employee_id = person.employee_id AND created_at >= person.created_at
  ORDER BY created_at DESC, id DESC LIMIT 1
) AS latest
"""  # noqa: S608 (names of our own)

_LATEST_BY_RANK = f"""
SELECT {_COLUMNS}, recent FROM (
  SELECT {_COLUMNS}, created_at >= %s AS recent,
    ROW_NUMBER() OVER (PARTITION BY employee_id ORDER BY created_at DESC, id DESC) AS place
  FROM {_TABLE} WHERE employee_id <> ''
) AS ranked WHERE place = 1
"""  # noqa: S608

# Of one person: the moment of the newest row before `start`, then the rows of that moment.
_KNOWN_BY_LEAPS = f"""
LEFT JOIN LATERAL (
  SELECT created_at FROM {_TABLE}
  WHERE employee_id = files.employee_id AND created_at < %s
  ORDER BY created_at DESC LIMIT 1
) AS newest ON TRUE
LEFT JOIN LATERAL (
  SELECT band, model_version_id, threshold FROM {_TABLE}
  WHERE employee_id = files.employee_id AND created_at < %s AND created_at >= newest.created_at
  ORDER BY created_at DESC, id DESC LIMIT 1
) AS known ON TRUE
"""  # noqa: S608

_KNOWN_BY_KEY = f"""
LEFT JOIN {_TABLE} AS known ON known.id = (
  SELECT id FROM {_TABLE} AS earlier
  WHERE earlier.employee_id = files.employee_id AND earlier.created_at < %s
    AND earlier.created_at >= (
      SELECT created_at FROM {_TABLE} AS newest
      WHERE newest.employee_id = files.employee_id AND newest.created_at < %s
      ORDER BY created_at DESC LIMIT 1
    )
  ORDER BY id DESC LIMIT 1
)
"""  # noqa: S608

_MOVES = f"""
WITH files AS (
  SELECT employee_id, band, model_version_id, threshold,
    ROW_NUMBER() OVER (PARTITION BY employee_id ORDER BY created_at DESC, id DESC) AS place
  FROM {_TABLE} WHERE batch_id IN ({{files}}) AND employee_id <> ''
)
SELECT known.band, files.band,
  known.model_version_id <> files.model_version_id OR known.threshold <> files.threshold,
  COUNT(*)
FROM files {{known}}
WHERE files.place = 1 GROUP BY 1, 2, 3
"""  # noqa: S608

_GONE = f"""
SELECT COUNT(*) FROM (
  SELECT employee_id FROM {_TABLE} WHERE batch_id IN ({{before}}) AND employee_id <> ''
  EXCEPT
  SELECT employee_id FROM {_TABLE} WHERE batch_id IN ({{files}})
) AS gone
"""  # noqa: S608

# Grouped, and not `COUNT(DISTINCT …)`, for which PostgreSQL sorts every reference by language.
_PEOPLE = f"""
SELECT COUNT(*) FROM (
  SELECT employee_id FROM {_TABLE} WHERE employee_id <> '' GROUP BY employee_id
) AS people
"""  # noqa: S608
_NAMELESS = f"SELECT COUNT(*) FROM {_TABLE} WHERE employee_id = ''"  # noqa: S608
_CAPPED = f"SELECT COUNT(*) FROM (SELECT 1 FROM {_TABLE} LIMIT %s) AS counted"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Move:
    """People of the last file who were in one band before it and are in one now."""

    before: str
    """A band; `""` for who was not known before."""
    now: str
    judged_otherwise: bool
    """Whether another model or another threshold judged them before."""
    people: int


def latest_of_each(since: datetime | None = None) -> Iterator[list[Row]]:
    """The latest prediction of each employee who has a reference, in portions.

    A row holds the model's id, the band, the probability, the inputs and the groups as the JSON
    text that is stored, and whether it was made at `since` or later (of None, it was not).
    """
    moment = connection.ops.adapt_datetimefield_value(since)
    fast = connection.vendor == "postgresql"
    # Outside a transaction PostgreSQL would copy the whole result before it gave a first row.
    with (
        transaction.atomic() if fast else nullcontext(),
        connection.chunked_cursor() as cursor,
    ):
        cursor.execute(_LATEST_BY_LEAPS if fast else _LATEST_BY_RANK, [moment])
        while rows := cursor.fetchmany(PORTION):
            yield rows


def people() -> int:
    """How many employees who have a reference were ever assessed."""
    return _number(_PEOPLE)


def without_reference() -> int:
    """How many predictions cannot be told to be of anyone."""
    return _number(_NAMELESS)


def predictions(most: int) -> int:
    """How many predictions are stored, counted no further than `most`."""
    return _number(_CAPPED, [most])


def moves(files: Sequence[int], start: datetime) -> list[Move]:
    """Everyone with a reference in these files, by their band before `start` and in the files."""
    known = _KNOWN_BY_LEAPS if connection.vendor == "postgresql" else _KNOWN_BY_KEY
    with connection.cursor() as cursor:
        moment = connection.ops.adapt_datetimefield_value(start)
        sql = _MOVES.format(files=_places(files), known=known)
        cursor.execute(sql, [*files, moment, moment])
        return [
            Move(before or "", now, bool(otherwise), people)
            for before, now, otherwise, people in cursor.fetchall()
        ]


def gone(files: Sequence[int], before: Sequence[int]) -> int:
    """How many people of the files `before` are not in `files`."""
    sql = _GONE.format(files=_places(files), before=_places(before))
    return _number(sql, [*before, *files])


def _places(values: Sequence[int]) -> str:
    return ", ".join(["%s"] * len(values))


def _number(sql: str, params: Sequence[Any] = ()) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        (found,) = cursor.fetchone() or (0,)
    return int(found)
