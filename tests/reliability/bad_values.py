"""What programs, browsers and spreadsheets send that nobody meant: texts, numbers, JSON, bytes.

Strategies of Hypothesis. Some of what they make happens to be good; who uses them counts what was
refused.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from tests.conftest import EMPLOYEE

ODD_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff x",
    "\ufeff",
    "\u202e",
    "\u2028",
    "\x7f\x1b[2J",
    "e" + "\u0301" * 60,
    "İıſK",
    "𐀀🏳️‍🌈",
    "٣٤",
    "１２",
    "½",
    "NaN",
    "-Infinity",
    "1e999",
    "1e-999",
    "-0",
    "0x10",
    "1_000",
    "1,5",
    "1 000",
    "1.2.3",
    "9" * 20,
    "9" * 400,
    "9" * 5000,
    "-" + "9" * 30,
    "2147483648",
    "9223372036854775808",
    "true",
    "null",
    "[]",
    "{}",
    "0000-00-00",
    "2026-02-30",
    "9999-12-31",
    "10000-01-01",
    "0001-01-01",
    "2026-01-01T25:00",
    "00000000-0000-0000-0000-000000000000",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
    "a" * 65,
    "a" * 20_000,
    "\r\nSet-Cookie: a=b",
    "../../../etc/passwd",
    "C:\\boot.ini",
    "%00",
    "%",
    "%s%n%x",
    "{0.__class__}",
    "{{ 7|add:7 }}",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "\\",
    '"',
    "*",
    "(a+)+$",
    "=cmd|' /C calc'!A0",
    "javascript:alert(1)",
    "//example.com",
    "http://[::1",
)

texts = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(), max_size=80),  # half surrogate pairs as well
    st.integers().map(str),
    st.floats().map(repr),
    st.dates().map(str),
    st.uuids().map(str),
)

# ------------------------------------------------------------------ JSON

_ODD_JSON = (
    "NaN",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e-400",
    "-0.0",
    "01",
    "+1",
    ".5",
    "1.",
    "0x1F",
    "9" * 25,
    "9" * 5000,
    "1" + "0" * 4299,
    "9223372036854775808",
    "1.7976931348623157e308",
    "true",
    "null",
    "undefined",
    "'Yes'",
    '"\\ud800"',
    '"\\u0000"',
    '"\\x41"',
    '"\t"',
    '"open',
    '""',
    "[]",
    "{}",
    "[[]]",
    '[{"a": 1}]',
    '{"": ""}',
    "[" * 2000 + "]" * 2000,
    '{"a":' * 500 + "1" + "}" * 500,
    "[" * 100_000,
    "",
)


def _json(value: Any) -> str:
    return json.dumps(value)  # what is not in ASCII as \uXXXX, surrogates as well


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
json_texts = st.sampled_from(_ODD_JSON) | _values.map(_json) | texts.map(_json)


@st.composite
def employees(draw: st.DrawFn) -> str:
    """An employee in JSON, of whom something is not as it should be."""
    pairs = [(_json(name), _json(value)) for name, value in EMPLOYEE.items()]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(pairs) - 1))
        match draw(st.integers(0, 5)):
            case 0:
                pairs.append(pairs[at])  # one name twice
            case 1:
                pairs.append((draw(texts.map(_json)), draw(json_texts)))  # a name nobody knows
            case 2:
                pairs[at] = (draw(json_texts), pairs[at][1])
            case _:
                pairs[at] = (pairs[at][0], draw(json_texts))
    return "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"


@st.composite
def batches(draw: st.DrawFn) -> str:
    """A batch in JSON: of odd employees, or odd itself."""
    inner = st.one_of(employees(), employees(), json_texts)
    listed = ", ".join(draw(st.lists(inner, max_size=4)))
    name = draw(st.just('"employees"') | json_texts)
    value = draw(st.just(f"[{listed}]") | json_texts)
    more = draw(st.sampled_from(["", ', "employees": []', ', "more": 1', ","]))
    return "{" + f"{name}: {value}{more}" + "}"


def many_employees(count: int) -> str:
    return '{"employees": [' + ", ".join(["{}"] * count) + "]}"


def encoded(text: str, encoding: str = "utf-8") -> bytes:
    """Also what has no place in the encoding, such as half a surrogate pair."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


@st.composite
def altered(draw: st.DrawFn, whole: bytes, most: int = 4) -> bytes:
    """These bytes after some were flipped, cut, doubled, dropped or put between."""
    for _ in range(draw(st.integers(1, most))):
        begin = draw(st.integers(0, len(whole)))
        end = min(len(whole), begin + draw(st.integers(0, 40)))
        match draw(st.integers(0, 5)):
            case 0:
                whole = whole[:begin]
            case 1:
                whole = whole[:begin] + whole[end:]
            case 2:
                whole = whole[:end] + whole[begin:end] + whole[end:]
            case 3:
                flipped = bytes(one ^ draw(st.integers(1, 255)) for one in whole[begin : begin + 1])
                whole = whole[:begin] + flipped + whole[begin + 1 :]
            case 4:
                whole = whole[:begin] + draw(st.binary(max_size=8)) + whole[begin:]
            case _:
                odd = draw(st.sampled_from(ODD_BYTES))
                whole = whole[:begin] + odd + whole[end:]
    return whole


ODD_BYTES = (
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\x80",
    b"\x1b",
    b'"',
    b"{",
    b"}",
    b"[",
    b":",
    b",",
    b"%",
    b"0" * 300,
    b"A" * 9000,
)

# ------------------------------------------------------------------ addresses


@st.composite
def escaped(draw: st.DrawFn, text: str) -> bytes:
    """A text as some write it into an address."""
    raw = encoded(text, draw(st.sampled_from(["utf-8", "utf-16", "latin-1"])))
    match draw(st.integers(0, 4)):
        case 0:
            unsafe = b" \r\n\0#?&"
            return bytes(one for one in raw if one not in unsafe)[:4000]
        case 1:
            return quote_from_bytes(raw[:4000]).replace("%", "%25").encode()
        case _:
            return quote_from_bytes(raw[:2000], safe="").encode()
