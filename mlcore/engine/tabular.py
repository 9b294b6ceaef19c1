"""Files as HR systems write them, read into columns, and their headers matched to a schema.

CSV in any usual encoding and with any usual delimiter, and XLSX. What a cell means is not judged
here: that is `FeatureSchema.clean_frame`'s.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import fold


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
    """Read a CSV or XLSX file. Raises `TableError`."""
    if content.startswith(b"PK\x03\x04"):
        cells = _read_xlsx(content)
    else:
        cells = _read_csv(content)
    rows = [row for row in cells if any(cell not in (None, "") for cell in row)]
    if not rows:
        raise TableError("The file is empty.")
    headers = [str(cell).strip() for cell in rows[0]]
    if len(set(headers)) != len(headers):
        twice = sorted({header for header in headers if headers.count(header) > 1})
        raise TableError(f"The file has columns of the same name: {', '.join(twice)}.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(headers):
            raise TableError(
                f"Row {number} has {len(row)} cells, but the header has {len(headers)}."
            )
    return Table(headers, rows[1:])


def match_columns(headers: Sequence[str], schema: FeatureSchema) -> Match:
    """Match headers to a schema by name, header of the training file, label or alias."""
    words: dict[str, str] = {}
    for alias in (EMPLOYEE_ID, *schema.identifier_aliases):
        words.setdefault(fold(alias), EMPLOYEE_ID)
    for feature in schema.everything:
        for word in (feature.name, feature.column, *feature.label.values(), *feature.aliases):
            words.setdefault(fold(word), feature.name)
    matched: dict[str, str] = {}
    for header in headers:
        name = words.get(fold(header))
        if name is not None:
            matched.setdefault(name, header)
    used = set(matched.values())
    return Match(
        matched,
        [header for header in headers if header not in used],
        [feature.name for feature in schema.features if feature.name not in matched],
    )


def _read_csv(content: bytes) -> list[list[Any]]:
    text = _decode(content)
    if "\0" in text:
        raise TableError("This is neither a CSV nor an XLSX file.")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise TableError(f"The file is not a readable CSV: {error}.") from error


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TableError("The file’s text cannot be decoded. Save it again as CSV UTF-8.")


def _read_xlsx(content: bytes) -> list[list[Any]]:
    # A spreadsheet's reader is needed by few: whoever serves predictions does not load it.
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        return sheet.to_python(skip_empty_area=True)
    except (CalamineError, IndexError) as error:
        raise TableError(f"The file is not a readable XLSX: {error}") from error
