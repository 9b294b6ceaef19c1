"""The first sheet of a workbook as CSV: the program of the process that converts it.

A file of a few kilobytes can claim a sheet of 17 thousand million cells, unpack to gigabytes, or
repeat one long text a million times. So a process of its own reads it, with little memory and
little time, and of the sheet never more than a few rows at once.
"""

from __future__ import annotations

import csv
import datetime
import errno
import io
import os
import sys
import zipfile
import zlib
from typing import IO, Any
from xml.etree import ElementTree

from mlcore.engine.ingest.sheet_rows import LARGEST_OUTPUT, MOST_COLUMNS, Sheet, empty, shortest
from mlcore.engine.ingest.workbook_parts import (
    EMPTY,
    FORMULAS,
    TOO_LARGE,
    UNREADABLE,
    SheetError,
    describe,
    one_line,
    shared_strings,
    style_kinds,
)

MEMORY = 2**30  # bytes
SECONDS = 60
"""Of computing: a sheet of a million rows and 35 columns takes half of it."""
MOST_CELLS = 5_000_000
"""Of a spreadsheet in another format, which is read at once."""


def convert(source: IO[bytes], out: IO[bytes], most_columns: int = MOST_COLUMNS) -> None:
    """Write the first visible sheet that is a table, else the first that holds something, else a
    hidden one. Raises `SheetError`; also when a row fills more than `most_columns`.

    One line for each row of the sheet, so that both have the same number: line breaks in a cell
    become spaces. Cells merged downwards hold their value in each row.
    """
    try:
        try:
            _convert_rows(source, out, most_columns)
        except _BROKEN:
            # Or only unusual: what reads everything at once may know better.
            empty(out)
            _convert_whole(source, out)
    except (MemoryError, OverflowError, RecursionError):
        raise SheetError(TOO_LARGE) from None


_BROKEN = (
    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, EOFError, KeyError, ValueError,
    RuntimeError, NotImplementedError, IndexError,
)  # fmt: skip


def _convert_rows(source: IO[bytes], out: IO[bytes], most_columns: int) -> None:
    with zipfile.ZipFile(source) as package:
        visible_and_hidden, is_1904, parts = describe(package)
        styles = style_kinds(package, parts.get("styles", ""))
        strings = shared_strings(package, parts.get("sharedStrings", ""))
        for paths in visible_and_hidden:
            notes = None
            for path in paths:
                sheet = Sheet(package, path, strings, styles, is_1904, most_columns)
                if sheet.write(out):
                    if sheet.is_table:
                        return _refuse_unsolved(sheet)
                    empty(out)
                    notes = notes or sheet
            if notes:
                notes.write(out)
                return _refuse_unsolved(notes)
    raise SheetError(EMPTY)


def _refuse_unsolved(sheet: Sheet) -> None:
    if sheet.is_unsolved:
        raise SheetError(FORMULAS)


# ---------------------------------------------------------------- other formats


def _convert_whole(source: IO[bytes], out: IO[bytes]) -> None:
    """The same for OpenDocument and binary workbooks, which are read at once."""
    import python_calamine

    source.seek(0)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.read()))
        rows = _rows_of(book)
        text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="")
        write = csv.writer(text, lineterminator="\n").writerow
        for row in rows:
            write(map(_word, row))
        text.flush()
        text.detach()
    except (python_calamine.CalamineError, ValueError, IndexError, KeyError):
        raise SheetError(UNREADABLE) from None


def _rows_of(book: Any) -> list[list[Any]]:
    """Those of the sheet that is meant, chosen as in `convert`."""
    from python_calamine import SheetVisibleEnum

    sheets = list(enumerate(book.sheets_metadata))
    shown = [number for number, about in sheets if about.visible == SheetVisibleEnum.Visible]
    hidden = [number for number, _ in sheets if number not in shown]
    for numbers in (shown, hidden):
        notes: list[list[Any]] = []
        for number in numbers:
            sheet = book.get_sheet_by_index(number)
            if sheet.height * sheet.width > MOST_CELLS:
                raise SheetError(TOO_LARGE)
            rows: list[list[Any]] = sheet.to_python(skip_empty_area=False)
            if _is_table(rows):
                return rows
            notes = notes or rows
        if notes:
            return notes
    raise SheetError(EMPTY)


def _is_table(rows: list[list[Any]]) -> bool:
    filled = (sum(1 for cell in row if cell != "") for row in rows)
    return sum(min(max(cells - 1, 0), 2) for cells in filled) > 1


def _word(cell: Any) -> str:
    if isinstance(cell, str):
        return one_line(cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        return shortest(float(cell))
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return one_line(str(cell))


# ---------------------------------------------------------------- the process


def _confine() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * LARGEST_OUTPUT, 2 * LARGEST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(most_columns: int) -> None:
    """A workbook on standard input, its CSV on standard output, both of them files; or a complaint
    on the standard error. A row may fill `most_columns`. The status tells of a full disk.
    """
    _confine()
    try:
        with os.fdopen(os.dup(0), "rb") as source, os.fdopen(os.dup(1), "wb") as out:
            convert(source, out, most_columns)
    except SheetError as error:
        sys.stderr.write(str(error))
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.exit(errno.ENOSPC)
