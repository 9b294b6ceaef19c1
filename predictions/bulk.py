"""Many predictions as a database takes them in bulk: each row's columns as text.

What a column says again and again (an answer, and what it contributes) is written as text once.
The text is what Django writes for one prediction, so that a record does not tell its door.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlcore.engine.glassbox import Scores
from mlcore.engine.schema import CleanFrame
from mlcore.engine.shapes import Floats
from mlcore.engine.values import Value

_COLUMNS = (
    "id",
    "employee_id",
    "audit_attributes",
    "groups",
    "inputs",
    "probability",
    "log_odds",
    "contributions",
    "band",
)
# Rows that are written at once. While the database takes them in, the next ones are made.
_PORTION = 250

Write = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """n accepted rows: what was asked and what was answered, in one order."""

    ids: Sequence[str]
    """As `time_ordered_ids` gives them."""
    frame: CleanFrame
    scores: Scores
    bands: Sequence[str]
    lines: Sequence[int] | None = None
    """Where each row stands in its file; None when they come of none."""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By name, the text of each row."""
    given: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """By field, what the file said where a person told what it means; None where nobody had to."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What differs between the rows, in the order in which `copied` and `inserted` give it."""
        of_a_file = () if self.lines is None else ("row",)
        return (*_COLUMNS, *of_a_file, *(("given",) if self.given else ()))


def copied(assessed: Assessed, same: Sequence[object]) -> Iterator[str]:
    """The rows for PostgreSQL's COPY in text format, some hundreds at a time.

    `same` are the values that all rows have in common; each row holds them, then its own.
    """
    begin = "".join(f"{copy_text(value)}\t" for value in same)
    for rows in _rows(assessed, copy_text, repr):
        yield "".join([f"{begin}{row}\n" for row in map("\t".join, rows)])


def inserted(assessed: Assessed, same: Sequence[object]) -> Iterator[tuple[Any, ...]]:
    """The rows as an INSERT's parameters for SQLite; each holds `same`, then its own."""
    before = tuple(same)
    for rows in _rows(assessed, str, float):
        for row in rows:
            yield before + row


def _rows(
    assessed: Assessed, write: Write, number: Callable[[float], Any]
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """The values of the columns that differ, a portion of the rows at a time."""
    frame, scores = assessed.frame, assessed.scores
    count = len(frame)
    inputs = _Objects(frame.inputs, write)
    audit = _Objects(frame.audit, write, blanks=False)
    groups = _Objects(assessed.groups, write)
    given = _Objects(assessed.given, write, blanks=False)
    contributions = _Objects(
        {name: column.tolist() for name, column in scores.contributions.items()},
        write,
        two_zeros={name for name, column in scores.contributions.items() if _two_zeros(column)},
    )
    for start in range(0, count, _PORTION):
        rows = slice(start, min(start + _PORTION, count))
        columns: list[Iterable[Any]] = [
            assessed.ids[rows],
            map(write, frame.employee_ids[rows]),
            audit.of(rows),
            groups.of(rows),
            inputs.of(rows),
            map(number, scores.probability[rows].tolist()),
            map(number, scores.log_odds[rows].tolist()),
            contributions.of(rows),
            assessed.bands[rows],
        ]
        if assessed.lines is not None:
            columns.append(map(str, assessed.lines[rows]))
        if assessed.given:
            columns.append(given.of(rows))
        yield zip(*columns, strict=True)


def _two_zeros(column: Floats) -> bool:
    """Whether 0.0 may not stand for every zero of the column: some are -0.0."""
    return bool(np.signbit(column[column == 0]).any())


class _Objects:
    """A JSON object per row, made of columns."""

    def __init__(
        self,
        columns: Mapping[str, Sequence[Value]],
        write: Write,
        *,
        blanks: bool = True,
        two_zeros: Collection[str] = (),
    ) -> None:
        self._columns = [
            (values, _Members(name, write, blanks=blanks, two_zeros=name in two_zeros).__getitem__)
            for name, values in columns.items()
        ]
        self._blanks = blanks

    def of(self, rows: slice) -> list[str]:
        """The objects of some rows; a blank is `null`, or left out."""
        if not self._columns:
            return ["{}"] * (rows.stop - rows.start)
        members = zip(*(map(text, values[rows]) for values, text in self._columns), strict=True)
        if self._blanks:
            return ["{" + ", ".join(row) + "}" for row in members]
        return ["{" + ", ".join(filter(None, row)) + "}" for row in members]


class _Members(dict[Value, str]):
    """By value, the text of an object's member, written when it is first asked for.

    A column's values are all whole numbers, all floats or all texts: equal ones are the same, but
    for 0.0 and -0.0.
    """

    def __init__(self, name: str, write: Write, *, blanks: bool, two_zeros: bool) -> None:
        self._begin = f"{json.dumps(name)}: "
        self._write = write
        self._two_zeros = two_zeros
        if not blanks:
            self[None] = ""

    def __missing__(self, value: Value) -> str:
        text = self._write(self._begin + _json(value))
        if value != 0 or not self._two_zeros:
            self[value] = text
        return text


def _json(value: Value) -> str:
    """What `json.dumps` says, many times as fast for the numbers of which each row has its own."""
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)
    return json.dumps(value)


def copy_text(value: object) -> str:
    """A value as a field of COPY's text format."""
    if value is None:
        return "\\N"
    return (
        str(value)
        .replace("\\", "\\\\")
        .replace("\t", "\\t")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
    )


def time_ordered_ids(count: int) -> list[str]:
    """UUIDs of version 7 (RFC 9562) that rise, as 32 hexadecimal digits each.

    Those of one millisecond rise too, so that an index takes a file's rows at its end.
    """
    begin = f"{time.time_ns() // 1_000_000:012x}7"
    digits = os.urandom(9 * count).hex()
    # Between the random digits stands the variant, which is two bits of the 8.
    ends = sorted(digits[place : place + 18] for place in range(0, 18 * count, 18))
    return [f"{begin}{end[:3]}8{end[3:]}" for end in ends]
