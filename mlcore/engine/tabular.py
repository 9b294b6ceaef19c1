"""Files as HR systems write them, read into columns, and their headers matched to a schema.

CSV in any usual encoding and with any usual delimiter, and XLSX. What a cell means is not judged
here: that is `FeatureSchema.clean_frame`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlcore.engine.ingest import records
from mlcore.engine.ingest.decimals import settle
from mlcore.engine.ingest.dialect import SEPARATOR_LINE, delimiter_of
from mlcore.engine.ingest.encodings import CONTROL, OLE, Spelling
from mlcore.engine.ingest.headers import LONGEST_NAME, filled, is_value, looks_like_values
from mlcore.engine.ingest.limits import HISTORY, Limits
from mlcore.engine.ingest.refusals import SENTENCES, TableError
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import fold
from mlcore.engine.workbook import WorkbookError, first_sheet

__all__ = [
    "HISTORY",
    "SENTENCES",
    "Limits",
    "Match",
    "Table",
    "TableError",
    "check_history",
    "looks_like_values",
    "match_columns",
    "read_table",
]


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


def read_table(content: bytes, limits: Limits = HISTORY) -> Table:
    """Read a CSV or XLSX file. Rows without any value are left out. Raises `TableError`.

    A column whose thousands cannot be told from decimals cell by cell is settled by its other
    cells, by the other columns, or by the delimiter: see `decimals.settle`.
    """
    if len(content) > limits.megabytes * 2**20:
        raise TableError("too_many_bytes", most=limits.megabytes)
    is_xlsx = content.startswith(b"PK\x03\x04")
    numbered: list[tuple[int, list[Any]]] = []
    delimiter, lines = ("", _read_xlsx(content)) if is_xlsx else _read_csv(content)
    for number, row in lines:
        if any(map(filled, row)):
            if not numbered and len(row) > limits.columns:
                _check_columns(row, limits)
            numbered.append((number, row))
            # The rest of the file is not even read.
            if len(numbered) > limits.rows + 1:
                raise TableError("too_many_rows", most=limits.rows)
    if not numbered:
        raise TableError("empty")
    (_, first), *rest = numbered
    width = len(first)
    for number, row in rest:
        if len(row) > width and not any(map(filled, row[width:])):
            del row[width:]  # a delimiter after the last cell
        if len(row) != width:
            raise TableError("ragged", row=number, cells=len(row), width=width)
    headers = ["" if cell is None else str(cell).strip() for cell in first]
    if looks_like_values(first):
        raise TableError("no_header")
    # A spreadsheet exports columns that once held something; a name or a value makes a column.
    kept = [
        place
        for place, header in enumerate(headers)
        if header or any(filled(row[place]) for _, row in rest)
    ]
    if nameless := [place + 1 for place in kept if not headers[place]]:
        raise TableError("nameless", column=nameless[0])
    names = [headers[place] for place in kept]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise TableError("same_name", names=", ".join(twice))
    rows = [row for _, row in rest]
    if len(kept) < width:
        rows = [[row[place] for place in kept] for row in rows]
    if not is_xlsx:
        settle(rows, len(kept), delimiter)
    return Table(names, rows)


def check_history(table: Table, limits: Limits = HISTORY) -> None:
    """Raise `TableError` unless a model could be trained on a table of this form."""
    if len(table.headers) > limits.columns:
        raise TableError("too_many_columns", columns=len(table.headers), most=limits.columns)
    if len(table.rows) > limits.rows:
        raise TableError("too_many_rows", most=limits.rows)
    if len(table.headers) < 2:
        raise TableError("one_column")
    if not table.rows:
        raise TableError("no_rows")
    if long := [n for n, name in enumerate(table.headers, start=1) if len(name) > LONGEST_NAME]:
        raise TableError("long_name", column=long[0], most=LONGEST_NAME)
    if looks_like_values(table.headers) or _occurs_below(table):
        raise TableError("no_header")


def _check_columns(header: Sequence[object], limits: Limits) -> None:
    named = sum(map(filled, header))
    if named > limits.columns:
        raise TableError("too_many_columns", columns=named, most=limits.columns)


def _occurs_below(table: Table) -> bool:
    """Whether most of the header is found again among the values below it."""
    names = [header.strip().casefold() for header in table.headers]
    found = [False] * len(names)
    for row in table.rows[:1000]:
        for place, cell in enumerate(row):
            if (
                not found[place]
                and isinstance(cell, str)
                and cell.strip().casefold() == names[place]
            ):
                found[place] = True
    numeric = [is_value(name) for name in names]
    return 2 * sum(map(bool.__or__, found, numeric)) > len(names)


def match_columns(headers: Sequence[str], schema: FeatureSchema) -> Match:
    """Match headers to a schema: by the very header of the training file, else by name, header,
    label or alias however they are written.
    """
    own = dict.fromkeys(schema.identifier_aliases[:1], EMPLOYEE_ID)
    own |= {feature.column: feature.name for feature in schema.everything}
    matched = {own[header]: header for header in headers if header in own}
    used = set(matched.values())
    for header in headers:
        if header not in used and (name := schema.by_word.get(fold(header))):
            matched.setdefault(name, header)
    used = set(matched.values())
    return Match(
        matched,
        [header for header in headers if header not in used],
        [feature.name for feature in schema.features if feature.name not in matched],
    )


Rows = Iterable[tuple[int, list[Any]]]
"""Rows with the number that each has in its file."""


def _read_csv(content: bytes) -> tuple[str, Rows]:
    """The delimiter and the rows."""
    spelling = Spelling(content)
    spelling.look(content)
    if not (encoding := spelling.encoding()):
        raise TableError("old_excel" if content.startswith(OLE) else "undecodable")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise TableError("undecodable") from error
    if CONTROL.search(text):
        raise TableError("old_excel" if content.startswith(OLE) else "neither")
    if start := text.lstrip()[:1]:
        if start == "<":
            raise TableError("markup")
        if start in "{[":
            raise TableError("neither")
    delimiter = delimiter_of(text)
    rows = records.rows([content], encoding, delimiter)
    if SEPARATOR_LINE.match(text):
        next(rows)
    return delimiter, rows


def _read_xlsx(content: bytes) -> Rows:
    try:
        return enumerate(first_sheet(content), start=1)
    except WorkbookError as error:
        raise TableError(error.code) from error
