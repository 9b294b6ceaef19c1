"""The rows of one sheet of an XLSX file, as words, one after another."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import repeat
from typing import IO

from mlcore.engine.ingest.limits import LONGEST_LINE
from mlcore.engine.ingest.workbook_parts import (
    TOO_LARGE,
    TOO_WIDE,
    SheetError,
    plain,
    rich,
    stretches,
)

MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
LARGEST_OUTPUT = 300 * 2**20  # characters

_FIRST_ROWS = 500  # that tell how wide the sheet is
_MOST_MERGES = 100_000
_MOST_PLANS = 2_000

_CELL = re.compile(
    r'<c r="([A-Z]{1,3})[0-9]+"(?: s="([0-9]+)")?(?: t="([a-zA-Z]+)")?'
    r"(?:/>|>(?:<f(?:[^>]*/>|[^<]*</f>|[^>]*>[^<]*</f>))?(?:<v>([^<]*)</v>|<v/>)?</c>)"
)
"""A cell as nearly every program writes it; any other is taken apart attribute by attribute."""
_ANY_CELL = re.compile(
    r"<(?:\w+:)?c(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(?:/>|>(.*?)</(?:\w+:)?c\s*>)",
    re.DOTALL,
)
_ROW = re.compile(
    r"<(?:\w+:)?row(?=[\s/>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(?:/>|>(.*?)</(?:\w+:)?row\s*>)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([\w:]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_FORMULA = re.compile(
    r"<((?:\w+:)?)c(?=[\s>])((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>"
    r"<(?:\w+:)?f(?:\s[^<>]*)?(?:/>|>([^<]*)</(?:\w+:)?f\s*>)"
    r"(<(?:\w+:)?v\s*(?:/>|>\s*</(?:\w+:)?v\s*>))?</(?:\w+:)?c\s*>"
)
"""A cell of a formula that nobody calculated, or whose result is an empty text."""
_KIND = re.compile(r"\st\s*=\s*[\"'](\w*)[\"']")
_VALUE = re.compile(r"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)</(?:\w+:)?v\s*>")
_MERGE = re.compile(
    r"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']"
)


_Plan = tuple[list[int], list[int], list[int], list[tuple[int, str, str]]]
"""Of a row's cells: their places, unless they stand side by side from the first; which are shared
texts, which plain numbers; the others with their kind and style."""


class Sheet:
    """One sheet of a workbook."""

    def __init__(
        self,
        package: zipfile.ZipFile,
        path: str,
        strings: list[str],
        styles: dict[str, str],
        is_1904: bool,
        most_columns: int,
    ) -> None:
        self._package = package
        self._path = path
        self._strings = strings
        self._styles = styles
        self._most_columns = most_columns
        self._size = 0
        self._wide = 0
        self._filled = 0
        self._unsolved = 0
        self._first_day = (
            datetime.datetime(1904, 1, 1) if is_1904 else datetime.datetime(1899, 12, 30)
        )
        self._merges: dict[int, list[tuple[int, int]]] = {}
        self._plans: dict[tuple[tuple[str, ...], ...], _Plan] = {}

    @property
    def is_table(self) -> bool:
        """Whether a row that was written fills three cells, or two fill two: notes rarely do, and a
        header without any employees does.
        """
        return self._wide > 1

    @property
    def is_unsolved(self) -> bool:
        """Whether most of the rows written hold a formula that nobody calculated."""
        return 2 * self._unsolved > self._filled

    def write(self, out: IO[bytes]) -> bool:
        """Write the rows; False when none holds anything, and nothing is written then.

        A formula without a result is written as it stands, for a reader of values to refuse.
        """
        written = self._pass(out)
        # Which cells are merged stands at the end of the sheet.
        if not written or self._merges:
            empty(out)
        return written and (not self._merges or self._pass(out))

    def _pass(self, out: IO[bytes]) -> bool:
        self._size = self._wide = self._filled = self._unsolved = 0
        text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="")
        write = csv.writer(text, lineterminator="\n").writerow
        first: list[list[str]] = []
        width = 0
        number = 0
        written = False
        for number, row in enumerate(self._rows(), start=1):
            self._filled += bool(row)
            if number <= _FIRST_ROWS:
                first.append(row)
                width = max(width, len(row))
                continue
            if first:
                written = width > 0
                for early in first:
                    write([*early, *repeat("", width - len(early))])
                first = []
            if len(row) < width:
                row += [""] * (width - len(row))
            written = written or bool(row)
            write(row)
        if first and width:
            written = True
            for early in first:
                write([*early, *repeat("", width - len(early))])
        if written:
            text.flush()
        text.detach()
        return written

    def _rows(self) -> Iterator[list[str]]:
        """Every row from the first, blank ones included, up to its last cell that is filled."""
        last = 0
        merges: list[tuple[str, str, str, str]] = []
        going: dict[int, tuple[int, str]] = {}
        for text in stretches(self._package, self._path, "row"):
            for attributes, cells in _rows_of(text):
                number = _row_number(attributes) or last + 1
                if not last < number <= MOST_ROWS:
                    raise (
                        ValueError("rows out of order") if number <= last else SheetError(TOO_LARGE)
                    )
                for gap in range(last + 1, number):
                    yield self._merged(gap, [], going)
                last = number
                if "<f" in cells or ":f" in cells:
                    cells = self._with_formulas(cells)
                row = self._cells(cells) if cells else []
                while row and not row[-1]:
                    row.pop()
                self._check(row)
                yield self._merged(number, row, going) if self._merges else row
            if "mergeCell" in text:
                merges += _MERGE.findall(text)
                if len(merges) > _MOST_MERGES:
                    raise SheetError(TOO_LARGE)
        self._merges = _merged_down(merges)

    def _with_formulas(self, cells: str) -> str:
        """The cells of a row, those of formulas without a result as texts: `=B2*12`."""

        def told(found: re.Match[str]) -> str:
            prefix, attributes, formula, empty_value = found.groups()
            kind = _KIND.search(attributes)
            if kind and kind[1] != "n" and empty_value:
                return found[0]
            attributes = _KIND.sub("", attributes)
            value = f"<{prefix}v>={formula or ''}</{prefix}v>"
            return f'<{prefix}c{attributes} t="str">{value}</{prefix}c>'

        rewritten = _FORMULA.sub(told, cells)
        self._unsolved += rewritten != cells
        return rewritten

    def _check(self, row: list[str]) -> None:
        if self._wide < 2:
            self._wide += min(max(sum(map(bool, row)) - 1, 0), 2)
        if len(row) > self._most_columns:
            filled = sum(map(bool, row))
            if filled > self._most_columns:
                raise SheetError(f"{TOO_WIDE} {filled}")
        size = sum(map(len, row))
        self._size += size
        if size > LONGEST_LINE or self._size > LARGEST_OUTPUT:
            raise SheetError(TOO_LARGE)

    def _merged(self, number: int, row: list[str], going: dict[int, tuple[int, str]]) -> list[str]:
        """A row with the values of cells that are merged downwards into it."""
        for place, (end, value) in list(going.items()):
            if number > end:
                del going[place]
            elif value:
                row += [""] * (place + 1 - len(row))
                row[place] = row[place] or value
        for place, end in self._merges.get(number, ()):
            going[place] = end, row[place] if place < len(row) else ""
        return row

    def _cells(self, text: str) -> list[str]:
        found = _CELL.findall(text)
        if not found or len(found) != text.count("<c ") + text.count("<c>"):
            return self._odd_cells(text)
        letters, styles, kinds, values = zip(*found, strict=True)
        # The rows of a table resemble each other: how to read one is how to read the next.
        plan = self._plans.get((letters, styles, kinds))
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[letters, styles, kinds] = self._plan(letters, styles, kinds)
        places, shared, numbers, others = plan
        words = list(values)
        for at in shared:
            if word := words[at]:
                words[at] = self._strings[int(word)]
        for at in numbers:
            word = words[at]
            if (not word.isdigit() or len(word) > 15) and word:
                words[at] = shortest(float(word))
        for at, kind, style in others:
            if word := words[at]:
                words[at] = (
                    self._number(word, style) if kind in ("", "n") else self._other(kind, word, "")
                )
        if not places:
            return words
        row = [""] * (max(places) + 1)
        for place, word in zip(places, words, strict=True):
            row[place] = word
        return row

    def _plan(
        self, letters: tuple[str, ...], styles: tuple[str, ...], kinds: tuple[str, ...]
    ) -> _Plan:
        places = [_PLACES.get(one) or _place(one) for one in letters]
        shared, numbers, others = [], [], []
        for at, (style, kind) in enumerate(zip(styles, kinds, strict=True)):
            if kind == "s":
                shared.append(at)
            elif kind in ("", "n") and style not in self._styles:
                numbers.append(at)
            else:
                others.append((at, kind, style))
        return [] if places == list(range(len(places))) else places, shared, numbers, others

    def _odd_cells(self, text: str) -> list[str]:
        row: list[str] = []
        for attributes, body in _ANY_CELL.findall(text):
            known = {name: one or other for name, one, other in _ATTRIBUTE.findall(attributes)}
            letters = known.get("r", "").rstrip("0123456789")
            place = _place(letters) if letters else len(row)
            row += [""] * (place + 1 - len(row))
            value = "".join(_VALUE.findall(body)[:1])
            kind = known.get("t", "n")
            if kind == "inlineStr":
                row[place] = rich(body)
            elif kind == "s":
                row[place] = self._strings[int(value)] if value else ""
            elif kind == "n":
                row[place] = self._number(value, known.get("s", "")) if value else ""
            else:
                row[place] = self._other(kind, value, body)
        return row

    def _other(self, kind: str, value: str, body: str) -> str:
        if kind == "b":
            return "true" if value.strip() in ("1", "true") else "false" if value else ""
        if kind == "d":
            return value.strip().removesuffix("T00:00:00")
        return plain(value) or rich(body)

    def _number(self, value: str, style: str) -> str:
        """A number as a word: whole ones without decimals, `00123` with the zeros of its format,
        dates as ISO writes them.
        """
        kind = self._styles.get(style, "") if style else ""
        if not kind:
            return shortest(float(value))
        number = float(value)
        if kind[0] == "0":
            # A reference keeps its zeros: what people see is what other systems know it by.
            return shortest(number).zfill(len(kind)) if number >= 0 else shortest(number)
        if kind == "percent":
            # What people see; whether it is a share or a percentage is decided by who asks.
            return f"{_exact(Decimal(repr(number)).scaleb(2))}%"
        return _date(number, self._first_day)


_PLACES: dict[str, int] = {}


def _place(letters: str) -> int:
    """The place of a column from its letters; A is 0."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    if not 0 < place <= MOST_COLUMNS:
        raise ValueError("no such column")
    _PLACES[letters] = place - 1
    return place - 1


def _rows_of(text: str) -> Iterable[tuple[str, str]]:
    """The rows in a stretch of XML: of each its attributes and its cells."""
    return _usual_rows(text) if "<row" in text else _ROW.findall(text)


def _usual_rows(text: str) -> Iterator[tuple[str, str]]:
    for piece in text.split("</row>"):
        begin = piece.find("<row")
        while begin >= 0:
            end = piece.find(">", begin)
            if piece[begin + 4 : begin + 5].isalpha():  # rowBreaks
                begin = piece.find("<row", end)
            elif piece[end - 1] == "/":
                yield piece[begin + 4 : end - 1], ""
                begin = piece.find("<row", end)
            else:
                yield piece[begin + 4 : end], piece[end + 1 :]
                break


def _row_number(attributes: str) -> int:
    if attributes.startswith(' r="'):
        return int(attributes[4 : attributes.index('"', 4)])
    for name, one, other in _ATTRIBUTE.findall(attributes):
        if name == "r":
            return int(one or other)
    return 0


def _merged_down(merges: list[tuple[str, str, str, str]]) -> dict[int, list[tuple[int, int]]]:
    """By its first row, the places of cells merged downwards, with the last row of each."""
    downwards: dict[int, list[tuple[int, int]]] = {}
    for left, top, _right, bottom in merges:
        if int(bottom) > int(top):
            downwards.setdefault(int(top), []).append((_place(left), min(int(bottom), MOST_ROWS)))
    return downwards


def shortest(number: float) -> str:
    """A number in as few digits as tell it, never with an exponent."""
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("no number")
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return _exact(Decimal(f"{number:.15g}"))


def _exact(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _date(days: float, first_day: datetime.datetime) -> str:
    """A serial number of days as a date, a time of day or both."""
    if not 0 <= days < 2_958_466:
        return shortest(days)
    seconds = round(days * 86_400)
    if days < 1:
        hours, rest = divmod(seconds, 3600)
        return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    moment = first_day + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%d") if not seconds % 86_400 else moment.isoformat(" ")


def empty(out: IO[bytes]) -> None:
    """Take back all that was written."""
    out.seek(0)
    out.truncate()
