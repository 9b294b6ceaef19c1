"""Which of a table's first rows name its columns.

Above them there may be a title; they may be several: groups of columns over the names (merged
cells, of which a CSV keeps the first), the names in a second language, units below them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlcore.engine.drafting.answer_words import MARKS, UNKNOWN_NUMBERS
from mlcore.engine.drafting.common_headers import TERMS
from mlcore.engine.drafting.header_words import OWN_REFERENCE, phrase
from mlcore.engine.ingest.dialect import filled_width, width_of
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.values import fold

LONGEST_NAME = 1_000  # characters: a survey's question may be one

MERGE_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
"""How the lines begin that mark a merge which nobody finished."""

_HIGHEST = 25  # rows within which the names stand
_MOST = 3  # rows of names below the first
_FULL = 0.6  # of the columns that a row of names fills at least
_NUMERIC = 0.8  # of the filled cells of a column of numbers
_VALUE = re.compile(r"[-+]?[0-9][0-9 .,/:%€$£\u00a0\u202f-]*\Z")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_UNIT = re.compile(r"\(.{1,12}\)|\[.{1,12}\]")
_UNITS = {fold(mark) or mark for _, marks in MARKS for mark in marks} | {
    fold(word)
    for word in ("oui/non", "yes/no", "y/n", "o/n", "1-4", "1-5", "texte", "text", "k€", "keur",
                 "eur/mois", "€/mois", "usd/month", "$/month", "nombre", "number", "date", "km",
                 "h/semaine", "%")
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of the columns, and where they stood."""

    names: list[str]
    rows: tuple[int, ...]
    """Places, among the rows given, of those that the names were made of, and of units below; the
    employees follow the last one."""


def find(rows: Sequence[Sequence[str]]) -> Naming:
    """The names among the first rows of a table, none of them blank. Raises `TableError`.

    Every name is there and differs from the others: a column without one is called by its letter,
    and a name that occurs again gets a number.
    """
    width = max(map(filled_width, rows), default=0)
    if not width:
        raise TableError("empty")
    width = min(width, width_of(rows)) or width
    grid = [[cell.strip() for cell in row[:width]] + [""] * (width - len(row)) for row in rows]
    width = max(map(filled_width, grid))
    grid = [row[:width] for row in grid]
    first = _first(grid, width)
    last = first
    while last < min(first + _MOST, len(grid) - 1) and _continues(
        grid[first], grid[last + 1], grid[last + 2 :]
    ):
        last += 1
    if any(row[0].startswith(MERGE_MARKERS) for row in grid[: last + 1]):
        raise TableError("unfinished_merge")
    block = grid[first : last + 1]
    above = grid[first - 1] if first and sum(map(bool, grid[first - 1])) > 1 else []
    names = _names(block, above)
    if looks_like_values(grid[first]) and looks_like_values(names):
        raise TableError("no_header")
    if 2 * sum(name.startswith("=") for name in names) > len(names):
        raise TableError("formulas")
    begin = first - 1 if above and names != _names(block, []) else first
    return Naming(distinct(names), tuple(range(begin, last + 1)))


def looks_like_values(header: Sequence[object]) -> bool:
    """Whether most names in a header are numbers or dates, as in a row of values."""
    names = [cell for cell in header if filled(cell)]
    values = sum(1 for name in names if not isinstance(name, str) or is_value(name))
    return 2 * values > len(names)


def is_value(text: str) -> bool:
    """Whether a text is a number or a date, alone or with a sign beside it."""
    return _VALUE.match(text.strip()) is not None


def filled(cell: object) -> bool:
    """Whether a cell holds something."""
    return cell is not None and not (isinstance(cell, str) and (not cell or cell.isspace()))


def letter(place: int) -> str:
    """A column as spreadsheets call it: A, B, … Z, AA."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _first(grid: Sequence[Sequence[str]], width: int) -> int:
    """The place of the first row that names: the first that fills most of the columns."""
    counts = [sum(map(bool, row)) for row in grid[:_HIGHEST]]
    for place, count in enumerate(counts):
        if count >= max(_FULL * width, min(2, width)):
            return place
    return counts.index(max(counts))


def _continues(header: Sequence[str], row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether the row below a header is one of names or units too.

    An employee that is taken for one is lost without a word, and a row of names that is taken for
    an employee is refused with a sentence: so it must be quite unlike what stands `below` it.
    """
    cells = {place: cell for place, cell in enumerate(row) if cell}
    again = sum(1 for place, cell in cells.items() if cell == header[place])
    # The header once more; or under names merged downwards, where the halves of others stand.
    if again > 1 and 2 * again > len(cells):
        return True
    columns = {place: [after[place] for after in below if after[place]] for place in cells}
    if not cells or any(_occurs(cell, columns[place]) for place, cell in cells.items()):
        return False
    over_numbers = {place for place, column in columns.items() if _numeric(column)}
    if all(_is_unit(cell, place in over_numbers) for place, cell in cells.items()):
        return True
    if any(cell.casefold() in UNKNOWN_NUMBERS for cell in cells.values()):
        return False
    words = {
        place: cell for place, cell in cells.items() if place in over_numbers and not is_value(cell)
    }
    if len({*cells.values()}) < max(2, len(cells)):
        return False
    halves = all(not header[place] or not (*header, "x")[place + 1] for place in cells)
    if halves and not row[0] and 2 * len(cells) < len(row):
        return all(
            place in words or _is_name(cell) or _is_year(cell, columns[place])
            for place, cell in cells.items()
        )
    # Where numbers stand in every other row, this one has names, and no number at all.
    return (
        len(words) >= 2
        and len(words) == len(over_numbers)
        and 2 * len(words) >= sum(map(_numeric, zip(*below, strict=True)))
        and 2 * sum(map(_is_name, cells.values())) > len(cells)
    )


def _occurs(cell: str, column: Sequence[str]) -> bool:
    key = cell.casefold()
    return any(other.casefold() == key for other in column)


def _numeric(column: Sequence[str]) -> bool:
    """Whether a column holds numbers, as far as its cells tell."""
    filled = [cell for cell in column if cell]
    return bool(filled) and sum(map(is_value, filled)) >= _NUMERIC * len(filled)


def _is_name(cell: str) -> bool:
    """Whether columns are usually called so."""
    return fold(cell) in TERMS or OWN_REFERENCE.search(phrase(cell)) is not None


def _is_year(cell: str, column: Sequence[str]) -> bool:
    """Whether a cell is a year that other numbers stand under."""
    return _YEAR.fullmatch(cell) is not None and not any(map(_YEAR.fullmatch, column))


def _is_unit(cell: str, over_numbers: bool) -> bool:
    bare = cell[1:-1] if _UNIT.fullmatch(cell) else cell
    is_known = (fold(bare) or bare) in _UNITS
    return is_known or (over_numbers and bare is not cell and not any(map(str.isdigit, bare)))


def _names(block: Sequence[Sequence[str]], above: Sequence[str]) -> list[str]:
    """The names in the rows of a header; `above` it there may be groups of columns."""
    rows = [row for row in block if not all(_is_unit(cell, True) for cell in row if cell)]
    rows = rows or [block[0]]
    main = max(rows, key=_naming)
    higher = next((row for row in [above, *rows[: rows.index(main)]] if row), [])
    others = [row for row in (*rows, above) if row and row is not main]
    repeated = {name for name, times in Counter(main).items() if times > 1}
    names: list[str] = []
    group = ""
    for place, cell in enumerate(main):
        name = cell or next((row[place] for row in others if row[place]), "")
        group = (higher or main)[place] or group
        # A year, or what stands under several groups, says little by itself.
        partial = _YEAR.fullmatch(name) or (higher and name in repeated)
        if partial and group not in ("", name):
            name = f"{group} {name}"
        names.append(" ".join(name.split())[:LONGEST_NAME] or f"({letter(place)})")
    return names


def _naming(row: Sequence[str]) -> tuple[int, int]:
    """How well a row of a header names the columns: how many, and in how many usual words."""
    return len({cell for cell in row if cell}), sum(1 for cell in row if fold(cell) in TERMS)


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number where one occurs again: `Pay`, `Pay (2)`."""
    taken = set(names)
    given: list[str] = []
    seen: set[str] = set()
    for name in names:
        other, number = name, 1
        while other in seen or (number > 1 and other in taken):
            number += 1
            other = f"{name} ({number})"
        seen.add(other)
        given.append(other)
    return given
