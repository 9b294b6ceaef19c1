"""docs/reliability.md promises what the suite tries, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.report import HEAD, declared

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs" / "reliability.md"


def test_the_table_of_the_document_is_that_of_the_suite():
    _, _, table = DOCUMENT.read_text().partition(HEAD + "\n")
    rows = [line.split("|")[1:-1] for line in table.partition("\n\n")[0].splitlines()]
    saw = {(what.strip(), promised.strip()): seen.strip() for what, promised, seen in rows}
    wanted = declared(HERE)
    missing = "as `make reliability` prints it"
    lines = [
        f"| {what} | {promised} | {saw.get((what, promised), missing)} |"
        for what, promised in wanted
    ]
    paste = "\n".join([HEAD, *lines])
    assert [*saw] == wanted, f"Paste this table into {DOCUMENT}:\n\n{paste}\n"
    assert all(saw.values()), "Each row says what was seen."
