"""Files as HR systems write them, read into columns, and their headers matched to a schema.

CSV in any usual encoding and with any usual delimiter, and XLSX. What a cell means is not judged
here: that is `FeatureSchema.clean_frame`'s.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import fold
from mlcore.engine.workbook import WorkbookError, first_sheet

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class TableError(ValueError):
    """A file that cannot be read as a table; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header row and its columns."""

    headers: list[str]
    rows: list[list[Any]]
    """Cells as the file gives them: texts from CSV, texts and numbers from XLSX."""

    def columns(self) -> dict[str, list[Any]]:
        """The cells by header."""
        turned: Iterable[Sequence[Any]] = (
            zip(*self.rows, strict=True) if self.rows else [()] * len(self.headers)
        )
        return {header: list(cells) for header, cells in zip(self.headers, turned, strict=True)}


@dataclass(frozen=True, slots=True)
class Match:
    """Which column of a file holds which field of a schema."""

    headers: dict[str, str]
    """By field name (`employee_id` included), the header of its column."""
    unused: list[str]
    """Headers that no field asked for."""
    missing: list[str]
    """Features of the model that no column holds; they are blanks for everyone."""


def read_table(content: bytes) -> Table:
    """Read a CSV or XLSX file. Rows without any value are left out. Raises `TableError`."""
    cells = _read_xlsx(content) if content.startswith(b"PK\x03\x04") else _read_csv(content)
    filled = [(number, row) for number, row in enumerate(cells, start=1) if any(map(_filled, row))]
    if not filled:
        raise TableError("The file is empty.")
    (_, first), *rest = filled
    width = len(first)
    for number, row in rest:
        if len(row) != width:
            raise TableError(f"Row {number} has {len(row)} cells, but the header has {width}.")
    headers = ["" if cell is None else str(cell).strip() for cell in first]
    # A spreadsheet exports columns that once held something; a name or a value makes a column.
    kept = [
        place
        for place, header in enumerate(headers)
        if header or any(_filled(row[place]) for _, row in rest)
    ]
    if nameless := [place + 1 for place in kept if not headers[place]]:
        raise TableError(f"Column {nameless[0]} has values but no name in the first row.")
    names = [headers[place] for place in kept]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise TableError(f"The file has columns of the same name: {', '.join(twice)}.")
    rows = [row for _, row in rest]
    if len(kept) < width:
        rows = [[row[place] for place in kept] for row in rows]
    return Table(names, rows)


def _filled(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, str) and (not cell or cell.isspace()))


def match_columns(headers: Sequence[str], schema: FeatureSchema) -> Match:
    """Match headers to a schema by name, header of the training file, label or alias."""
    matched: dict[str, str] = {}
    for header in headers:
        if name := schema.by_word.get(fold(header)):
            matched.setdefault(name, header)
    used = set(matched.values())
    return Match(
        matched,
        [header for header in headers if header not in used],
        [feature.name for feature in schema.features if feature.name not in matched],
    )


def _read_csv(content: bytes) -> list[list[Any]]:
    text = _decode(content)
    if _CONTROL.search(text):
        raise TableError("This is neither a CSV nor an XLSX file.")
    header = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t|", key=header.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise TableError(f"The file is not a readable CSV: {error}.") from error


def _decode(content: bytes) -> str:
    """UTF-16 when it says so, UTF-8, or what Western European systems wrote before it.

    (Text in latin-1 is text in cp1252 too.)
    """
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError("The file’s text cannot be decoded. Save it again as CSV UTF-8.")


def _read_xlsx(content: bytes) -> list[list[Any]]:
    try:
        return first_sheet(content)
    except WorkbookError as error:
        raise TableError(f"The workbook cannot be read: {error}.") from error
