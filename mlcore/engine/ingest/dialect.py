"""Which character separates the columns of a CSV file."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

DELIMITERS = ";\t|,"
"""Where two divide the rows alike, the first is meant: a comma is a decimal sign as well."""

SEPARATOR_LINE = re.compile(
    r"\ufeff?\s*\"?sep=(?P<delimiter>[,;\t|])\"?[ ,;\t|]*(?:\r\n|\r|\n)", re.IGNORECASE
)
"""Excel's own way to say which delimiter follows."""

_ROWS = 100
_LONGEST = 300_000  # characters


def delimiter_of(text: str) -> str:
    """The delimiter of a file that begins with `text`: the one that most rows agree on."""
    if told := SEPARATOR_LINE.match(text):
        return told["delimiter"]
    begin = text[:_LONGEST]
    best, most = max(reversed(DELIMITERS), key=begin.count), 0.0
    for delimiter in DELIMITERS:
        share = _agreement(first_rows(begin, delimiter))
        if share > most:
            best, most = delimiter, share
    return best


def first_rows(text: str, delimiter: str) -> list[list[str]]:
    """The first rows that are not blank, read leniently."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return list(islice((row for row in reader if any(map(str.strip, row))), _ROWS))
    except csv.Error:
        return []


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """How many cells the rows of the table have; a row counts by its cells, so that a title above
    does not."""
    votes: Counter[int] = Counter()
    for row in rows:
        votes[len(row)] += len(row) - 1
    return max(votes, key=votes.__getitem__) if votes else 0


def filled_width(row: Sequence[str]) -> int:
    """The place after the last cell that holds something."""
    return next((n for n in range(len(row), 0, -1) if row[n - 1].strip()), 0)


def _agreement(rows: list[list[str]]) -> float:
    width = width_of(rows)
    if width < 2:
        return 0.0
    return sum(1 for row in rows if filled_width(row) <= width <= len(row)) / len(rows)
