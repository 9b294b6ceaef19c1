"""A long sheet, written five times as fast as cell by cell.

xlsxwriter makes the workbook: its styles, its header, and a sheet of which the first row stands for
all. Here the rows take that row's place as text, each cell in the style of its column. A cell is
either a number or an inline text; there is no third kind, so that nothing becomes a formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from predictions.export_columns import Cell, Column, Record

_LEVEL = 3  # of zlib: half the time of the usual 6, for a tenth more bytes
_AT_ONCE = 500  # rows
_ZIP64_FROM = 500_000  # rows; below, some old readers are served as well

# What XML cannot hold is written as Excel writes it, and so is what would be read as that.
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_LIKE_ESCAPED = re.compile("_(?=x[0-9a-fA-F]{4}_)")
_SPECIAL = re.compile("[&<>_\x00-\x1f\ud800-\udfff\ufffe\uffff]")


class _Sent(io.RawIOBase):
    """What a workbook is written to, and taken from while it grows: nothing is gone back to."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def taken(self) -> Iterator[bytes]:
        """What was written since it was last asked for, if anything."""
        if self._parts:
            yield b"".join(self._parts)
            self._parts.clear()


def filled(
    pattern: IO[bytes], plan: list[Column], records: Iterable[Record], count: int
) -> Iterator[bytes]:
    """The workbook of `pattern` with the records as the rows of its first sheet, as it is written.

    That sheet has a header and one row with a cell for each column of `plan`; `count` is about how
    many records there are.
    """
    name = "xl/worksheets/sheet1.xml"
    sent = _Sent()
    with ZipFile(pattern) as given, ZipFile(sent, "w", compresslevel=_LEVEL) as made:
        for item in given.infolist():
            if item.filename != name:
                made.writestr(item, given.read(item), ZIP_DEFLATED)
        yield from sent.taken()
        before, row, after = _around_the_row(given.read(name).decode())
        first = ZipInfo(name, given.getinfo(name).date_time)
        first.compress_type = ZIP_DEFLATED
        with made.open(first, "w", force_zip64=count > _ZIP64_FROM) as sheet:
            sheet.write(before.encode())
            for portion in _rows(_cells(row, plan), records):
                sheet.write(portion.encode())
                yield from sent.taken()
            sheet.write(after.encode())
    yield from sent.taken()


def _around_the_row(sheet: str) -> tuple[str, str, str]:
    """The sheet's text before its second row, that row, and what follows."""
    found = re.search(r'<row r="2".*?</row>', sheet, re.DOTALL)
    if found is None:
        raise ValueError("the sheet has no row to stand for all")
    # How far the cells go is left for the reader to see.
    before = re.sub(r"<dimension [^>]*/>", "", sheet[: found.start()])
    return before, found[0], sheet[found.end() :]


_Write = Callable[[str, Cell], str]


def _cells(row: str, plan: list[Column]) -> list[tuple[Callable[[Record], Cell], _Write]]:
    """For each column, what its cell holds and how that is written."""
    styled = re.findall(r'<c r="([A-Z]+)2"(?: s="(\d+)")?', row)
    if len(styled) != len(plan):
        raise ValueError("the row that stands for all must have every cell")
    return [
        (column.cell, _writer(letters, style))
        for column, (letters, style) in zip(plan, styled, strict=True)
    ]


def _writer(letters: str, style: str) -> _Write:
    start = f'<c r="{letters}'
    number = f'" s="{style}"><v>' if style else '"><v>'
    text = number.replace("><v>", ' t="inlineStr"><is><t xml:space="preserve">')

    def write(row: str, value: Cell) -> str:
        if isinstance(value, str):
            return f"{start}{row}{text}{_escaped(value)}</t></is></c>"
        return f"{start}{row}{number}{value!r}</v></c>"

    return write


def _escaped(text: str) -> str:
    if not _SPECIAL.search(text):
        return text
    text = _LIKE_ESCAPED.sub("_x005F_", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _rows(
    cells: list[tuple[Callable[[Record], Cell], _Write]], records: Iterable[Record]
) -> Iterable[str]:
    parts: list[str] = []
    for number, record in enumerate(records, start=2):
        row = str(number)
        parts.append(f'<row r="{row}">')
        for cell, write in cells:
            value = cell(record)
            if value is not None and value != "":
                parts.append(write(row, value))
        parts.append("</row>")
        if number % _AT_ONCE == 0:
            yield "".join(parts)
            parts.clear()
    yield "".join(parts)
