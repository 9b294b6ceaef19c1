"""The first sheet of an XLSX file as CSV, row by row: the program of the process that converts it.

A file of a few kilobytes can claim a sheet of 17 thousand million cells, unpack to gigabytes, or
repeat one long text a million times. So a process of its own reads it, with little memory and
little time: of the sheet never more than a few rows at once, its XML by patterns, so that nothing
in it is expanded. It stands alone and imports nothing of ours.
"""

from __future__ import annotations

import codecs
import csv
import datetime
import html
import io
import os
import posixpath
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import repeat
from typing import IO, Any
from xml.etree import ElementTree  # its input is small and the process is confined

MEMORY = 2**30  # bytes
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
LARGEST_OUTPUT = 300 * 2**20  # characters
LONGEST_LINE = 2**20  # characters, as the reader of what is written has it
LONGEST_CELL = 32_767  # characters, as Excel has it
DENSEST, LARGE = 150, 2**26
"""What unpacks to more than so many times its size, and to more bytes than that, is a bomb."""
MOST_STRINGS = 400_000_000  # characters of the shared texts, all together
MOST_CELLS = 5_000_000
"""Of a spreadsheet in another format, which is read at once."""

COMPLAINTS = TOO_LARGE, UNREADABLE, EMPTY, FORMULAS, TOO_WIDE = (
    "workbook_too_large", "workbook_unreadable", "empty", "formulas", "too_many_columns",
)  # fmt: skip

_CHUNK = 2**18  # characters
_LONGEST_ROW = 2**22  # characters
_LARGEST_PART = 2**24  # bytes of what describes the workbook
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
_VALUE = re.compile(r"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)</(?:\w+:)?v\s*>")
_TEXT = re.compile(r"<(?:\w+:)?t(?:\s[^>]*)?>([^<]*)</(?:\w+:)?t\s*>")
_PHONETIC = re.compile(r"<(?:\w+:)?rPh[\s>].*?</(?:\w+:)?rPh\s*>", re.DOTALL)
_ITEM = re.compile(r"<(?:\w+:)?si(?:\s[^>]*)?(?:/>|>(.*?)</(?:\w+:)?si\s*>)", re.DOTALL)
_MERGE = re.compile(
    r"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})[\"']"
)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_BREAK = re.compile(r"[\r\n\u2028\u2029]+")
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_PERCENT_FORMATS = {9, 10}
_UNSPOKEN = re.compile(r"\"[^\"]*\"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]", re.IGNORECASE)
"""What a number format shows as it stands, and its colours and conditions."""


class SheetError(Exception):
    """Why there is no sheet: one of `COMPLAINTS`, the last with the number of columns."""


# ---------------------------------------------------------------- the workbook


def convert(source: IO[bytes], out: IO[bytes], most_columns: int = MOST_COLUMNS) -> None:
    """Write the first visible sheet that holds something. Raises `SheetError`; also when a row
    fills more than `most_columns`.

    One line for each row of the sheet, so that both have the same number: line breaks in a cell
    become spaces. Cells merged downwards hold their value in each row.
    """
    try:
        try:
            _convert_rows(source, out, most_columns)
        except _BROKEN:
            # Or only unusual: what reads everything at once may know better.
            _empty(out)
            _convert_whole(source, out)
    except (MemoryError, OverflowError, RecursionError):
        raise SheetError(TOO_LARGE) from None


_BROKEN = (
    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, EOFError, KeyError, ValueError,
    RuntimeError, NotImplementedError, IndexError,
)  # fmt: skip


def _convert_rows(source: IO[bytes], out: IO[bytes], most_columns: int) -> None:
    formulas = False
    with zipfile.ZipFile(source) as package:
        paths, is_1904, parts = _describe(package)
        styles = _styles(package, parts.get("styles", ""))
        strings = _strings(package, parts.get("sharedStrings", ""))
        for path in paths:
            sheet = _Sheet(package, path, strings, styles, is_1904, most_columns)
            if sheet.write(out):
                return
            formulas = formulas or sheet.formulas
    raise SheetError(FORMULAS if formulas else EMPTY)


def _describe(package: zipfile.ZipFile) -> tuple[list[str], bool, dict[str, str]]:
    """Paths of the sheets, visible ones first; whether days count from 1904; other parts' paths."""
    workbook = "xl/workbook.xml"
    for name, target in _relations(package, "").values():
        if name == "officeDocument":
            workbook = target
    relations = _relations(package, workbook)
    root = _part(package, workbook)
    shown: list[str] = []
    hidden: list[str] = []
    is_1904 = False
    for element in root.iter():
        tag = _local(element.tag)
        if tag == "workbookPr":
            is_1904 = element.get("date1904") in ("1", "true")
        elif tag == "sheet":
            key = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
            kind, target = relations.get(key, ("", ""))
            if kind == "worksheet":
                visible = element.get("state", "visible") == "visible"
                (shown if visible else hidden).append(target)
    return shown + hidden, is_1904, dict(relations.values())


def _relations(package: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """By id, the kind and the path of what a part refers to."""
    folder, name = posixpath.split(part)
    path = posixpath.join(folder, "_rels", f"{name}.rels")
    if path not in package.namelist():
        return {}
    found = {}
    for element in _part(package, path):
        target = element.get("Target", "")
        full = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
        kind = element.get("Type", "").rpartition("/")[2]
        found[element.get("Id", "")] = kind, posixpath.normpath(full)
    return found


def _styles(package: zipfile.ZipFile, path: str) -> dict[str, str]:
    """By the number of a cell's style, `date` or `percent` where its format is one."""
    if path not in package.namelist():
        return {}
    formats: dict[str, str] = {}
    kinds: dict[str, str] = {}
    root = _part(package, path)
    for element in root.iter():
        if _local(element.tag) == "numFmt":
            formats[element.get("numFmtId", "")] = element.get("formatCode", "")
    for element in root:
        if _local(element.tag) == "cellXfs":
            for number, style in enumerate(element):
                if kind := _format_kind(style.get("numFmtId", "0"), formats):
                    kinds[str(number)] = kind
    return kinds


def _format_kind(number: str, formats: dict[str, str]) -> str:
    if code := formats.get(number):
        spoken = _UNSPOKEN.sub("", code.partition(";")[0]).lower().replace("general", "")
        if "%" in spoken:
            return "percent"
        return "date" if re.search("[ymdhs]", spoken) else ""
    if not number.isdigit():
        return ""
    if int(number) in _PERCENT_FORMATS:
        return "percent"
    return "date" if int(number) in _DATE_FORMATS else ""


def _strings(package: zipfile.ZipFile, path: str) -> list[str]:
    if path not in package.namelist():
        return []
    strings: list[str] = []
    total = 0
    for text in _stretches(package, path, "si"):
        for item in _ITEM.findall(text):
            strings.append(_rich(item))
            total += len(strings[-1]) + 50
        if total > MOST_STRINGS:
            raise SheetError(TOO_LARGE)
    return strings


def _part(package: zipfile.ZipFile, path: str) -> ElementTree.Element:
    with package.open(path) as part:
        content = part.read(_LARGEST_PART + 1)
    if len(content) > _LARGEST_PART or b"<!DOCTYPE" in content:
        raise SheetError(TOO_LARGE)
    return ElementTree.fromstring(content)  # noqa: S314


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


# ---------------------------------------------------------------- streams of XML


def _stretches(package: zipfile.ZipFile, path: str, tag: str) -> Iterator[str]:
    """The text of a part, cut before elements of a name; what follows the last is cut anyhow
    between elements.
    """
    ended = re.compile(r"</(?:\w+:)?(?:sheetData|sst)\s*>")
    behind = False
    rest = ""
    described = package.getinfo(path)
    if described.file_size > max(LARGE, DENSEST * described.compress_size):
        raise SheetError(TOO_LARGE)
    decode = codecs.getincrementaldecoder("utf-8-sig")().decode
    with package.open(path) as part:
        while chunk := part.read(_CHUNK):
            text = rest + decode(chunk)
            if not behind:
                end = _last_begin(text, tag)
                if found := ended.search(text, end):
                    behind, end = True, found.end()
            if behind:
                end = max(end, text.rfind(">") + 1)
            if end:
                yield text[:end]
            rest, end = text[end:], 0
            if len(rest) > _LONGEST_ROW:
                raise SheetError(TOO_LARGE)
    yield rest + decode(b"", final=True)


def _last_begin(text: str, tag: str) -> int:
    """Where the last element of a name begins, 0 if there is none."""
    begin = 0
    for end in (" ", ">", "/"):
        begin = max(begin, text.rfind(f"<{tag}{end}"))
        if (prefixed := text.rfind(f":{tag}{end}")) > begin:
            start = text.rfind("<", 0, prefixed)
            if start > begin and text[start + 1 : prefixed].isalnum():
                begin = start
    return begin


def _rich(item: str) -> str:
    """The text of runs, without how East Asian words are pronounced."""
    if "rPh" in item:
        item = _PHONETIC.sub("", item)
    texts = _TEXT.findall(item)
    return _plain((texts[0] if len(texts) == 1 else "".join(texts))[:LONGEST_CELL])


def _plain(text: str) -> str:
    """A text of one line."""
    if "&" in text:
        text = html.unescape(text)
    if "_x" in text:
        text = _ESCAPED.sub(_unescaped, text)
    return _BREAK.sub(" ", text) if not text.isprintable() else text


def _unescaped(found: re.Match[str]) -> str:
    """The character that Excel writes as `_x000D_`; a blank for what no text holds."""
    code = int(found[1], 16)
    return " " if code < 32 or 0xD800 <= code < 0xE000 else chr(code)


# ---------------------------------------------------------------- a sheet


_Plan = tuple[list[int], list[int], list[int], list[tuple[int, str, str]]]
"""Of a row's cells: their places, unless they stand side by side from the first; which are shared
texts, which plain numbers; the others with their kind and style."""


class _Sheet:
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
        self.formulas = False
        """Whether there are any; a sheet that holds nothing else holds none of their results."""
        self._first_day = (
            datetime.datetime(1904, 1, 1) if is_1904 else datetime.datetime(1899, 12, 30)
        )
        self._merges: dict[int, list[tuple[int, int]]] = {}
        self._plans: dict[tuple[tuple[str, ...], ...], _Plan] = {}

    def write(self, out: IO[bytes]) -> bool:
        """Write the rows; False when none holds anything, and nothing is written then."""
        written = self._pass(out)
        # Which cells are merged stands at the end of the sheet.
        if not written or self._merges:
            _empty(out)
        return written and (not self._merges or self._pass(out))

    def _pass(self, out: IO[bytes]) -> bool:
        self._size = 0
        text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="")
        write = csv.writer(text, lineterminator="\n").writerow
        first: list[list[str]] = []
        width = 0
        number = 0
        written = False
        for number, row in enumerate(self._rows(), start=1):
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
        for text in _stretches(self._package, self._path, "row"):
            for attributes, cells in _rows_of(text):
                number = _row_number(attributes) or last + 1
                if not last < number <= MOST_ROWS:
                    raise (
                        ValueError("rows out of order") if number <= last else SheetError(TOO_LARGE)
                    )
                for gap in range(last + 1, number):
                    yield self._merged(gap, [], going)
                last = number
                row = self._cells(cells) if cells else []
                while row and not row[-1]:
                    row.pop()
                self._check(row)
                yield self._merged(number, row, going) if self._merges else row
            self.formulas = self.formulas or "<f" in text
            if "mergeCell" in text:
                merges += _MERGE.findall(text)
                if len(merges) > _MOST_MERGES:
                    raise SheetError(TOO_LARGE)
        self._merges = _merged_down(merges)

    def _check(self, row: list[str]) -> None:
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
                words[at] = _shortest(float(word))
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
                row[place] = _rich(body)
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
        return _plain(value) or _rich(body)

    def _number(self, value: str, style: str) -> str:
        """A number as a word: whole ones without decimals, dates as ISO writes them."""
        kind = self._styles.get(style, "") if style else ""
        if not kind:
            return _shortest(float(value))
        number = float(value)
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


def _shortest(number: float) -> str:
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
        return _shortest(days)
    seconds = round(days * 86_400)
    if days < 1:
        hours, rest = divmod(seconds, 3600)
        return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    moment = first_day + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%d") if not seconds % 86_400 else moment.isoformat(" ")


# ---------------------------------------------------------------- other formats


def _convert_whole(source: IO[bytes], out: IO[bytes]) -> None:
    """The same for OpenDocument and binary workbooks, which are read at once."""
    import python_calamine

    source.seek(0)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(source.read()))
        for number in range(len(book.sheet_names)):
            sheet = book.get_sheet_by_index(number)
            if sheet.height * sheet.width > MOST_CELLS:
                raise SheetError(TOO_LARGE)
            if sheet.height:
                break
        else:
            raise SheetError(EMPTY)
        text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="")
        write = csv.writer(text, lineterminator="\n").writerow
        for row in sheet.to_python(skip_empty_area=False):
            write(map(_word, row))
        text.flush()
        text.detach()
    except (python_calamine.CalamineError, ValueError, IndexError, KeyError):
        raise SheetError(UNREADABLE) from None


def _empty(out: IO[bytes]) -> None:
    out.seek(0)
    out.truncate()


def _word(cell: Any) -> str:
    if isinstance(cell, str):
        return _BREAK.sub(" ", cell)
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):
        return _shortest(float(cell))
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ").removesuffix(" 00:00:00")
    return _BREAK.sub(" ", str(cell))


# ---------------------------------------------------------------- the process


def _confine() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * LARGEST_OUTPUT, 2 * LARGEST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """A workbook on standard input, its CSV on standard output, both of them files; or a complaint
    on the standard error. The argument: how many columns a row may fill."""
    _confine()
    with os.fdopen(os.dup(0), "rb") as source, os.fdopen(os.dup(1), "wb") as out:
        try:
            convert(source, out, int(sys.argv[1]) if sys.argv[1:] else MOST_COLUMNS)
        except SheetError as error:
            sys.stderr.write(str(error))
            sys.exit(1)


if __name__ == "__main__":
    main()
