"""A pytest plugin: `--long`, and the table of what was promised and what was seen."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

HEAD = "| what is broken | promised | seen |\n|---|---|---|"
_PROPERTY = "reliability"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table, and where it was seen."""

    file: str
    line: int
    what: str
    promised: str
    saw: str

    def __str__(self) -> str:
        return f"| {self.what} | {self.promised} | {self.saw} |"


_rows: list[Row] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="tests/reliability: break it longer, more often and in more ways (minutes)",
    )


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether minutes may be taken, where seconds are the rule."""
    return bool(request.config.getoption("--long"))


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`seen("What is broken", promised="…", saw=f"…")` adds a row, with what was measured.

    The first two are plain literals: docs/reliability.md has them too, and is held against them.
    Call it before what may fail is asserted, and the row is there to be read when it does.
    """

    def add(what: str, *, promised: str, saw: str) -> None:
        request.node.user_properties.append((_PROPERTY, [what, promised, saw]))

    return add


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Under pytest-xdist the tests run in other processes, and this in the one that prints."""
    if report.when != "call":
        return
    file, line, _name = report.location
    for name, found in report.user_properties:
        if name == _PROPERTY:
            what, promised, saw = found
            if report.failed:
                saw = f"**not kept** ({saw})"
            _rows.append(Row(file=file, line=line or 0, what=what, promised=promised, saw=saw))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _rows:
        return
    terminalreporter.section("broken on purpose")
    terminalreporter.write_line(HEAD)
    for row in sorted(_rows, key=lambda row: (row.file, row.line)):
        terminalreporter.write_line(str(row))


def declared(folder: Path) -> list[tuple[str, str]]:
    """What is broken and what was promised, of every row that the folder's tests may add, in the
    order in which they are printed.
    """
    found = []
    for file in sorted(folder.glob("test_*.py")):
        calls = [
            node
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "seen"
        ]
        for call in sorted(calls, key=lambda call: call.lineno):
            words = {keyword.arg: keyword.value for keyword in call.keywords}
            found.append((ast.literal_eval(call.args[0]), ast.literal_eval(words["promised"])))
    return found
