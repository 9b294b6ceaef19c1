"""Files that nobody should bring: tables, workbooks and models, broken or made to break."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import openpyxl
from hypothesis import strategies as st

from tests.reliability.bad_values import ODD_TEXTS, altered, encoded, texts

HEADERS = ("EmployeeNumber", "OverTime", "JobLevel", "MonthlyIncome", "Department", "Attrition")
_PEOPLE = (
    ("E-1", "No", "5", "19000", "Sales", "No"),
    ("E-2", "Yes", "1", "1200", "Sales", "Yes"),
    ("E-3", "Yes", "1", "2500", "Research", "No"),
)
NAMES = ("f.csv", "f.xlsx", "f.txt", "f.zip", "f.xls", "f", ".csv", "f.csv.gz", *ODD_TEXTS[:16])

# ------------------------------------------------------------------ text

_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "cp037", "shift_jis")
_CELLS = (
    "=1+1",
    '=HYPERLINK("http://example.com")',
    "@SUM(A1)",
    "+1",
    "-1",
    "#REF!",
    '"',
    '""',
    '"a\nb"',
    "a\rb",
    '"open',
    "1.234,56 €",
    "(3 000)",
    "12/31/26",
    "∞",
    "x" * 40_000,
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A delimited text: wrong cells, quotes, widths, line ends, encodings."""
    rows = [list(HEADERS), *map(list, _PEOPLE * draw(st.integers(0, 3)))]
    cells = texts | st.sampled_from(_CELLS)
    for _ in range(draw(st.integers(1, 6))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        match draw(st.integers(0, 4)):
            case 0:
                del row[draw(st.integers(0, len(row))) :]
            case 1:
                row.append(draw(cells))
            case 2:
                row[:0] = row[: draw(st.integers(0, 6))]
            case _:
                row[:1] = [draw(cells), *row[1:]]
                row.reverse()
    mark = draw(st.sampled_from([",", ";", "\t", "|", "\x1f", " ", ", ", ""]))
    ends = st.sampled_from(["\n", "\r\n", "\r", "\n\r", "\u2028", "\x0b", "", "\n" * 50])
    whole = "".join(mark.join(row) + draw(ends) for row in rows)
    content = encoded(whole, draw(st.just("utf-8") | st.sampled_from(_ENCODINGS)))
    return draw(altered(content)) if draw(st.booleans()) else content


@cache
def _large_texts() -> tuple[bytes, ...]:
    head = ",".join(HEADERS).encode() + b"\n"
    return (
        b",".join(b"c%d" % number for number in range(20_000)) + b"\n" + b"1," * 20_000,
        head + b'"' + b"never closed\n" * 50_000,
        head + b"x" * 3_000_000,
        head + b"\n" * 500_000,
        head + b"," * 500_000,
        b"OverTime" * 100_000,
        b",".join([b"OverTime"] * 3_000) + b"\nYes\n",
        head + b"E,Yes,1,1" + b"0" * 200_000 + b",Sales,No\n",
        b"\xff\xfe" + b"a\0" * 500_000,
        b"\0" * 1_000_000,
    )


def _other_kinds() -> tuple[bytes, ...]:
    table = ",".join(HEADERS).encode() + b"\nE-1,No,5,1,Sales,No\n"
    return (
        gzip.compress(table),
        gzip.compress(b"\0" * 10_000_000),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
        b"<html><table><tr><td>OverTime</td></tr></table></html>",
        b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>',
        b'[{"OverTime": "Yes"}]',
        b"{\\rtf1 OverTime}",
        b"SQLite format 3\0" + b"\0" * 100,
        b"PK\x03\x04",
        b"PK\x05\x06" + b"\0" * 18,
        b"sep=;\n" + table,
    )


# ------------------------------------------------------------------ workbooks

_SHEET = "xl/worksheets/sheet1.xml"
_ODD_XML = (
    b"",
    b"<",
    b"\0",
    b"<a>" * 3000,
    b'<?xml version="1.0" encoding="utf-16"?><worksheet/>',
    b'<?xml version="1.0" encoding="none"?><worksheet/>',
    b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><worksheet>&b;</worksheet>',
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><worksheet>&a;</worksheet>',
    b"<worksheet xmlns='urn:other'><sheetData><row/></sheetData></worksheet>",
)
_ODD_CELLS = (
    '<c r="XFD1048576"><v>1</v></c>',
    '<c r="A0"><v>1</v></c>',
    '<c r="ZZZZZZZZZ1"><v>1</v></c>',
    '<c r="A99999999999999999999"><v>1</v></c>',
    '<c r=""><v>1</v></c>',
    "<c><v>1</v></c>",
    '<c r="B2" t="s"><v>999999</v></c>',
    '<c r="B2" t="s"><v>-1</v></c>',
    '<c r="B2" t="s"><v>x</v></c>',
    '<c r="B2" t="s"/>',
    '<c r="B2" t="b"><v>7</v></c>',
    '<c r="B2" t="e"><v>#REF!</v></c>',
    '<c r="B2" t="d"><v>2026-99-99</v></c>',
    '<c r="B2" t="unknown"><v>1</v></c>',
    '<c r="B2"><v>1e999</v></c>',
    '<c r="B2"><v>NaN</v></c>',
    '<c r="B2"><f>1+1</f></c>',
    '<c r="B2"><f t="shared" si="0" ref="A1:XFD1048576">A1</f><v>x</v></c>',
    '<c r="B2" s="99999"><v>45000</v></c>',
    '<c r="B2" s="-1"><v>-99999999</v></c>',
    '<c r="B2" s="1"><v>1e300</v></c>',
    '<c r="B2" t="inlineStr"><is><t>&#x1F600;</t></is></c>',
    '<c r="B2" t="inlineStr"><is><r><t>a</t></r><r/></is></c>',
    '<c r="A1"><v>1</v></c><c r="A1"><v>2</v></c>',
)


@cache
def _workbook() -> dict[str, bytes]:
    """The members of a workbook that is as it should be."""
    book = openpyxl.Workbook()
    for row in (HEADERS, *_PEOPLE):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    with zipfile.ZipFile(written) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


@cache
def _bomb(name: str, head: bytes, repeated: bytes, tail: bytes) -> bytes:
    """A workbook one of whose members unpacks to two hundred times a megabyte."""
    content = head + repeated * (200 * 1024 * 1024 // len(repeated)) + tail
    return packed(_workbook() | {name: content})


def _bombs() -> tuple[bytes, ...]:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    return (
        _bomb(_SHEET, sheet, b"<row><c><v>1</v></c></row>", b"</sheetData></worksheet>"),
        _bomb(
            _SHEET, sheet + b'<row><c t="inlineStr"><is><t>', b"a" * 1024, b"</t></is></c></row>"
        ),
        _bomb("xl/styles.xml", b"<styleSheet>", b" " * 1024, b"</styleSheet>"),
    )


@st.composite
def workbooks(draw: st.DrawFn) -> bytes:
    """A workbook: a member that is missing, or odd; cells that Excel never wrote; a broken ZIP."""
    members = dict(_workbook())
    name = draw(st.sampled_from(sorted(members)))
    match draw(st.integers(0, 7)):
        case 0:
            del members[name]
        case 1:
            members[name] = draw(st.sampled_from(_ODD_XML))
        case 2:
            members[name] = draw(altered(members[name]))
        case 3:
            members["xl/worksheets/" + draw(texts)[:2000].replace("\0", "")] = members.pop(name)
            members = {encoded(key).decode("utf-8", "replace"): one for key, one in members.items()}
        case 4 | 5 | 6:
            cells = "".join(draw(st.lists(st.sampled_from(_ODD_CELLS), min_size=1, max_size=5)))
            row = draw(st.sampled_from(['r="2"', "", 'r="0"', 'r="x"', 'r="1048577"', 'r="1"']))
            end = b"</sheetData>"
            more = f"<row {row}>{cells}</row>".encode()
            members[_SHEET] = members[_SHEET].replace(end, more + end)
            if draw(st.booleans()):
                members[_SHEET] = members[_SHEET].replace(
                    b'ref="A1:F4"', b'ref="' + draw(st.sampled_from(_REFERENCES)) + b'"'
                )
        case _:
            return draw(broken_archives(packed(members)))
    return packed(members, draw(st.sampled_from(_KINDS)))


_REFERENCES = (b"A1:XFD1048576", b"", b"A1", b"Z9:A1", b"A0:B0", b"1:1", b"A1:ZZZZZZZ9999999999999")
_KINDS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@st.composite
def broken_archives(draw: st.DrawFn, whole: bytes) -> bytes:
    """A ZIP file whose own records are wrong: sizes, checksums, offsets, flags, names."""
    marks = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"]
    mark = draw(st.sampled_from(marks))
    begin = whole.find(mark)
    if begin < 0 or draw(st.booleans()):
        return draw(altered(whole, most=8))
    at = begin + 4 + draw(st.integers(0, 40))
    odd = struct.pack("<I", draw(st.sampled_from([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFF])))
    return whole[:at] + odd + whole[at + 4 :]


# ------------------------------------------------------------------ models


def sealed(members: dict[str, bytes]) -> dict[str, bytes]:
    """The same members with a manifest that fits them: what is wrong in them is looked at."""
    manifest = json.loads(members["manifest.json"])
    for name in manifest.get("files", {}):
        if name in members:
            manifest["files"][name] = hashlib.sha256(members[name]).hexdigest()
    return members | {"manifest.json": json.dumps(manifest).encode()}


@st.composite
def models(draw: st.DrawFn, good: dict[str, bytes]) -> bytes:
    """A model's archive, of which something is not as the product writes it."""
    members = dict(good)
    name = draw(st.sampled_from(sorted(members)))
    match draw(st.integers(0, 9)):
        case 0:
            del members[name]
        case 1:
            members[name] = draw(altered(members[name]))
        case 2:
            members[draw(st.sampled_from(["../x.json", "/etc/x", "a/b/" + name, name + " "]))] = (
                members.pop(name)
            )
        case 3:
            return draw(broken_archives(packed(members)))
        case 4:
            members[name] = draw(altered(members[name]))
            members = sealed(members) if name != "manifest.json" else members
        case _:
            members[name] = json.dumps(draw(_changed(json.loads(members[name])))).encode()
            members = sealed(members) if name != "manifest.json" else members
    return packed(members)


_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "\0",
    "x" * 10_000,
    [],
    {},
    [[]],
    [None],
    {"": None},
    [1, 2, 3] * 200,
)


@st.composite
def _changed(draw: st.DrawFn, whole: Any) -> Any:
    """A value of JSON with something within it replaced, dropped or doubled."""
    for _ in range(draw(st.integers(1, 3))):
        place = whole
        for _ in range(draw(st.integers(0, 6))):
            keys = _keys(place)
            inner = [key for key in keys if isinstance(place[key], (dict, list)) and place[key]]
            if not inner:
                break
            place = place[draw(st.sampled_from(inner))]
        if not (keys := _keys(place)):
            continue
        key = draw(st.sampled_from(keys))
        match draw(st.integers(0, 4)):
            case 0:
                del place[key]
            case 1 if isinstance(place, list):
                place.append(deepcopy(place[key]))
            case 1:
                place[draw(texts)] = deepcopy(place[key])
            case 2:
                place[key] = draw(texts)
            case _:
                place[key] = deepcopy(draw(st.sampled_from(_ODD_VALUES)))
    return whole


def _keys(place: Any) -> list[Any]:
    return list(place) if isinstance(place, dict) else list(range(len(place)))


# ------------------------------------------------------------------ all of them


def brought(
    addresses: Sequence[str], model: dict[str, bytes]
) -> st.SearchStrategy[tuple[str, str, bytes]]:
    """Where a file is brought, its name, and what is in it: small enough to be made many times a
    second. `model` has the members of a good one."""
    contents = st.one_of(
        tables(),
        tables(),
        workbooks(),
        workbooks(),
        models(model),
        models(model),
        st.binary(max_size=300),
        st.sampled_from(_other_kinds()),
        st.builds(encoded, texts),
    )
    return st.tuples(st.sampled_from(addresses), st.sampled_from(NAMES), contents)


def large_files() -> list[bytes]:
    """Files that cost something: very long lines, thousands of columns, bombs."""
    return [*_large_texts(), *_bombs()]
