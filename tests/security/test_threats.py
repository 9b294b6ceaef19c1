"""The threat model is held against the tests that it names: none is missing, none made up."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs" / "threats.md"
STRIDE = set("STRIDE")
_ROW = re.compile(r"\| ([A-Z]) \| (.+?) \| (.+?) \|(.*?)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def read(text):
    """The threats of a document: letter, threat, answer, and the tests as (file, name)."""
    return [(row[1], row[2], row[3], _TEST.findall(row[4])) for row in _ROW.finditer(text)]


THREATS = read(DOCUMENT.read_text())


@cache
def named_in(file):
    """The names of the tests in a file, in its classes as well; nothing where there is no file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def missing(threats):
    """What is wrong: threats that nothing proves, and tests that there are not."""
    unproved = [threat for _letter, threat, _answer, tests in threats if not tests]
    unknown = [
        f"{file}::{name}"
        for _letter, _threat, _answer, tests in threats
        for file, name in tests
        if name not in named_in(file)
    ]
    return unproved, unknown


def test_every_threat_names_tests_and_every_test_exists():
    assert missing(THREATS) == ([], [])


def test_every_kind_of_threat_is_thought_of():
    assert {letter for letter, *_ in THREATS} == STRIDE
    assert len(THREATS) > 40


def test_every_row_of_the_table_is_read():
    table = DOCUMENT.read_text().partition("## Threats")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) - 2 == len(THREATS)


def test_no_threat_stands_twice():
    threats = [threat for _letter, threat, *_ in THREATS]
    assert len(threats) == len(set(threats))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("| S | a threat | an answer | |", (["a threat"], [])),
        ("| S | a threat | an answer | `tests/nowhere.py::test_x` |", ([], None)),
        (
            "| S | a threat | an answer | `tests/security/test_threats.py::test_not_there` |",
            ([], None),
        ),
    ],
)
def test_what_is_missing_is_noticed(row, expected):
    unproved, unknown = missing(read(row))
    assert unproved == expected[0]
    assert bool(unknown) is (expected[1] is None)


def test_every_test_of_this_folder_that_guards_something_is_told_of():
    """A file of tests that no threat names would guard against nothing that anyone thought of."""
    named = {file for *_rest, tests in THREATS for file, _name in tests}
    here = {
        file.relative_to(ROOT).as_posix()
        for file in Path(__file__).parent.glob("test_*.py")
        if file.name != "test_threats.py"
    }
    assert here <= named


def test_the_limits_that_are_told_are_those_that_are_set():
    rows = re.findall(r"\| ([\d,]+) \| `(THROTTLE_\w+)` \|", DOCUMENT.read_text())
    told = {name: int(number.replace(",", "")) for number, name in rows}
    limits = {name for name in dir(settings) if name.startswith("THROTTLE_")}
    assert told == {name: getattr(settings, name) for name in limits}
