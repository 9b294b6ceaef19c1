"""The parts of an XLSX file: which sheets there are, its texts, what its number formats mean.

Large parts are read in stretches and by patterns, so that nothing in them is expanded.
"""

from __future__ import annotations

import codecs
import html
import posixpath
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree  # its input is small and the process is confined

LONGEST_CELL = 32_767  # characters, as Excel has it
DENSEST, LARGE = 150, 2**26
"""What unpacks to more than so many times its size, and to more bytes than that, is a bomb."""
MOST_STRINGS = 400_000_000  # characters of the shared texts, all together

COMPLAINTS = TOO_LARGE, UNREADABLE, EMPTY, FORMULAS, TOO_WIDE = (
    "workbook_too_large", "workbook_unreadable", "empty", "formulas", "too_many_columns",
)  # fmt: skip

_CHUNK = 2**18  # characters
_LONGEST_ROW = 2**22  # characters
_LARGEST_PART = 2**24  # bytes of what describes the workbook

_TEXT = re.compile(r"<(?:\w+:)?t(?:\s[^>]*)?>([^<]*)</(?:\w+:)?t\s*>")
_PHONETIC = re.compile(r"<(?:\w+:)?rPh[\s>].*?</(?:\w+:)?rPh\s*>", re.DOTALL)
_ITEM = re.compile(r"<(?:\w+:)?si(?:\s[^>]*)?(?:/>|>(.*?)</(?:\w+:)?si\s*>)", re.DOTALL)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_BREAK = re.compile(r"[\r\n\u2028\u2029]+")
_DATE_FORMATS = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_PERCENT_FORMATS = {9, 10}
_ZEROS = re.compile(r"00+(?:;|\Z)")
_UNSPOKEN = re.compile(r"\"[^\"]*\"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]", re.IGNORECASE)
"""What a number format shows as it stands, and its colours and conditions."""


class SheetError(Exception):
    """Why there is no sheet: one of `COMPLAINTS`, the last with the number of columns."""


def describe(package: zipfile.ZipFile) -> tuple[tuple[list[str], ...], bool, dict[str, str]]:
    """Paths of the sheets that can be seen and of hidden ones; whether days count from 1904; other
    parts' paths.
    """
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
    return (shown, hidden), is_1904, dict(relations.values())


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


def style_kinds(package: zipfile.ZipFile, path: str) -> dict[str, str]:
    """By the number of a cell's style, `date` or `percent` where its format is one, or as many
    zeros as it has digits at least."""
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
        if _ZEROS.match(code):
            return code.partition(";")[0]
        spoken = _UNSPOKEN.sub("", code.partition(";")[0]).lower().replace("general", "")
        if "%" in spoken:
            return "percent"
        return "date" if re.search("[ymdhs]", spoken) else ""
    if not number.isdigit():
        return ""
    if int(number) in _PERCENT_FORMATS:
        return "percent"
    return "date" if int(number) in _DATE_FORMATS else ""


def shared_strings(package: zipfile.ZipFile, path: str) -> list[str]:
    """The texts that cells refer to by their place. Raises `SheetError` when they are too many."""
    if path not in package.namelist():
        return []
    strings: list[str] = []
    total = 0
    for text in stretches(package, path, "si"):
        for item in _ITEM.findall(text):
            strings.append(rich(item))
            total += len(strings[-1]) + 50
        if total > MOST_STRINGS:
            raise SheetError(TOO_LARGE)
    return strings


def _part(package: zipfile.ZipFile, path: str) -> ElementTree.Element:
    with package.open(path) as part:
        content = part.read(_LARGEST_PART + 1)
    if len(content) > _LARGEST_PART or b"<!DOCTYPE" in content:
        raise SheetError(TOO_LARGE)
    # In a child with little memory and time, which reads no part with entities of its own.
    return ElementTree.fromstring(content)  # noqa: S314


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


# ---------------------------------------------------------------- streams of XML


def stretches(package: zipfile.ZipFile, path: str, tag: str) -> Iterator[str]:
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


def rich(item: str) -> str:
    """The text of runs, without how East Asian words are pronounced."""
    if "rPh" in item:
        item = _PHONETIC.sub("", item)
    texts = _TEXT.findall(item)
    return plain((texts[0] if len(texts) == 1 else "".join(texts))[:LONGEST_CELL])


def plain(text: str) -> str:
    """A text of XML as the line of text that it stands for."""
    if "&" in text:
        text = html.unescape(text)
    if "_x" in text:
        text = _ESCAPED.sub(_unescaped, text)
    return one_line(text)


def one_line(text: str) -> str:
    """A text with blanks for line ends."""
    return text if text.isprintable() else _BREAK.sub(" ", text)


def _unescaped(found: re.Match[str]) -> str:
    """The character that Excel writes as `_x000D_`; a blank for what no text holds."""
    code = int(found[1], 16)
    return " " if code < 32 or 0xD800 <= code < 0xE000 else chr(code)
