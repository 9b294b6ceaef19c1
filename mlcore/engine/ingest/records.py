"""Records of a CSV file out of pieces of its bytes, one at a time, with the line of each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mlcore.engine.ingest.headers import MERGE_MARKERS, is_value
from mlcore.engine.ingest.limits import BATCH, LONGEST_LINE
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.words import Problem

if TYPE_CHECKING:
    from mlcore.engine.ingest.source import Format

Record = tuple[int, list[str]]
"""The number of a record's first line, the first of the file being 1; and its cells."""

_TOTAL = re.compile(
    r"\W*(?:(?:grand|sous|sub)?\W?total|totaux|totals|sommes?|sums?|(?:gesamt)?summe|gesamt"
    r"|moyennes?|averages?|means?|durchschnitt)(?:\W+(?:g[ée]n[ée]ral|g[ée]n[ée]raux))?\W*\Z",
    re.IGNORECASE,
)
"""How a row begins that sums the others up."""


def read(pieces: Iterable[bytes], layout: Format, *, most: int = BATCH.rows) -> Iterator[Record]:
    """The records below the header, blank ones left out, however the bytes are cut into pieces.

    A record has as many cells as the header has names, or is ragged and given as it is; cells that
    follow the last name and hold nothing are none. Raises `TableError` for what ends the reading:
    an open quotation, a line without end, more than `most` records.
    """
    width = len(layout.headers)
    left = most
    for line, cells in rows(pieces, layout.encoding, layout.delimiter):
        if line <= layout.header_lines:
            continue
        if not any(map(str.strip, cells)):
            continue
        if len(cells) > width and not any(map(str.strip, cells[width:])):
            del cells[width:]
        if not left:
            raise TableError("too_many_rows", most=most)
        left -= 1
        yield line, cells


def rows(pieces: Iterable[bytes], encoding: str, delimiter: str) -> Iterator[Record]:
    """Every record of a file, the header and blank ones included. Raises `TableError`."""
    # The stubs ask for more of a buffer than is read of it.
    lines = io.TextIOWrapper(_Pieces(pieces), encoding=encoding, newline="")  # type: ignore[type-var]
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError("unreadable_csv", error=error, line=line) from error
    except UnicodeDecodeError as error:
        raise TableError("undecodable") from error


class _Pieces(io.BufferedIOBase):
    """Pieces of bytes as a file to read once; refuses a line that does not end."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._line = 0  # bytes since the last line end

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        piece = next(filter(None, self._pieces), b"")
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        self._line = len(piece) - end if end >= 0 else self._line + len(piece)
        if self._line > LONGEST_LINE:
            raise TableError("long_line")
        return piece

    def read(self, size: int | None = -1, /) -> bytes:
        return self.read1()


class Faults:
    """Tells what is wrong with a record as a whole, record after record.

    Between the marks of an unfinished merge the file says the same thing twice, and differently:
    no record there can be believed. A row of totals is nobody.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._merging = False

    def of(self, cells: list[str]) -> Problem | None:
        """The problem of the next record, None when it is an employee's."""
        fits = len(cells) == self._width
        begin = cells[0][:7] if cells else ""
        if begin in MERGE_MARKERS and (self._merging or not fits or begin == MERGE_MARKERS[0]):
            if begin == MERGE_MARKERS[0]:
                self._merging = True
            elif begin == MERGE_MARKERS[2]:
                self._merging = False
            return Problem("merge_marker")
        if self._merging:
            return Problem("merging")
        if self._totals(cells):
            return Problem("total_row")
        if fits:
            return None
        return Problem("ragged", {"cells": len(cells), "width": self._width})

    def _totals(self, cells: list[str]) -> bool:
        """Whether a row that leaves cells blank says that it sums up others, and holds no words."""
        filled = filter(str.strip, cells)
        if not _TOTAL.match(next(filled, "")):
            return False
        sums = list(filled)
        return len(sums) + 1 < self._width and all(map(is_value, sums))
