"""Numbers of a CSV that can be read in two ways, settled by the column they stand in.

`5,993` is five thousand in English and less than six in French; a reader of one value can only
refuse it. A column usually tells: where `12,5` or `0,125` stands, a comma is a decimal sign; where
`2,500.50` or `1,234,567` stands, it is not. Where it does not, the rest of the file may.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from mlcore.engine.drafting.answer_words import MARKS
from mlcore.engine.drafting.column_profiles import mark_of

# 5,993   5.993: either thousands or decimals
_EITHER = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}(?P<sign>[.,])[0-9]{3}\s*\Z")
# 12,5   0,125   1234,567   2 500,50   2.500,50
_DECIMAL = re.compile(
    r"\s*[+-]?(?:[0-9]*?(?P<a>[.,])[0-9]{1,2}|[0-9]*?(?P<b>[.,])[0-9]{4,}"
    r"|(?:0|[0-9]{4,})(?P<c>[.,])[0-9]{3}"
    r"|[1-9][0-9]{0,2}(?:(?P<mark>[ \u00a0\u202f\u2009'\u2019.,])[0-9]{3})+"
    r"(?P<d>(?!(?P=mark))[.,])[0-9]+)"
    r"\s*\Z"
)
# 1,234,567
_THOUSANDS = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}(?P<sign>[.,])[0-9]{3}(?:(?P=sign)[0-9]{3})+\s*\Z")

COMMA_ALONE = ",?"
"""A decimal comma by the delimiter alone: a point may be a program's own, and is left."""

_NUMBER = re.compile(r"\s*[+-]?[0-9][0-9 .,\u00a0\u202f\u2009'’]*\Z")
_MARKED = re.compile(r"[^0-9+-]*(?P<digits>[+-]?[0-9](?:.*[0-9])?)[^0-9]*\Z", re.DOTALL)
_ALL = 0.9  # of a column's numbers that carry its mark, at least


class Evidence:
    """What the columns of a stream tell about their decimal signs and about what stands beside
    their numbers: the same, however the stream is cut.

    Stretch after stretch is looked at; `settled` is asked at the end.
    """

    def __init__(self) -> None:
        self._signs: dict[int, set[str]] = {}
        self._either: set[int] = set()
        self._marks: dict[int, Counter[int]] = {}
        """By place and mark, in how many cells."""
        self._plain: Counter[int] = Counter()
        """By place, how many cells hold a number alone."""

    def look(self, place: int, texts: Collection[str]) -> None:
        """Take cells of the column at `place` into account."""
        cells = Counter(texts)
        blank = cells.pop("", 0)
        together = "".join(cells)
        if together.isascii() and together.isdecimal():
            self._plain[place] += len(texts) - blank
            return
        numbers = []
        for text, times in cells.items():
            if _NUMBER.match(text):
                self._plain[place] += times
                numbers.append(text)
            elif (mark := _mark_beside(text)) is not None:
                self._marks.setdefault(place, Counter())[mark] += times
                numbers.append(_bare(text))
        self._look_at_signs(place, numbers)

    def _look_at_signs(self, place: int, texts: Iterable[str]) -> None:
        known = self._signs.setdefault(place, set())
        for text in texts:
            if "," in text or "." in text:
                if _EITHER.match(text):
                    self._either.add(place)
                elif len(known) < 2 and (sign := _sign(text)):
                    known.add(sign)

    def settled(self, delimiter: str = "") -> dict[int, str]:
        """By place, how its numbers are to be read, for `rewrite` and for `marks.adapted`; columns
        of which there is nothing to say are left out.

        A decimal sign where some numbers have two readings: first their own column tells; then the
        other columns, where all that tell agree; then the `delimiter` of the file, for programs
        that write a decimal comma separate columns by semicolons or tabs. Where nothing tells, or
        a column contradicts itself, there is none. Behind it a bar, and the mark that nearly all
        numbers of the column carry: `,`, `.|€`, `|%`.
        """
        everywhere = set().union(*self._signs.values())
        found: dict[int, str] = {}
        for place in sorted(self._either):
            signs = self._signs.get(place) or everywhere
            if len(signs) == 1:
                found[place] = min(signs)
            elif not signs and delimiter in (";", "\t"):
                found[place] = COMMA_ALONE
        for place, marks in sorted(self._marks.items()):
            numbers = marks.total() + self._plain[place]
            if len(marks) == 1 and marks.total() >= _ALL * numbers:
                found[place] = f"{found.get(place, '')}|{MARKS[min(marks)][1][0]}"
        return found


def rewrite(text: str, settled: str) -> str:
    """A number that can be read in two ways, as `settled` (see `Evidence.settled`) says; any other
    text as it is, and what stands beside a number too.
    """
    decimal = settled.partition("|")[0]
    if not decimal or ("," not in text and "." not in text):
        return text
    number = text if _NUMBER.match(text) else _bare(text)
    if not _EITHER.match(number):
        return text
    own = "," if "," in number else "."
    if decimal == COMMA_ALONE and own == ".":
        return text
    return text.replace(number, number.replace(own, "." if own == decimal[0] else ""))


def _mark_beside(text: str) -> int | None:
    text = text.strip()
    return mark_of(text) if len(text) <= 60 and _MARKED.match(text) else None


def _bare(text: str) -> str:
    """The digits of a marked number."""
    found = _MARKED.match(text)
    return found["digits"] if found else text


def settle(rows: list[list[Any]], width: int, delimiter: str = "") -> None:
    """Rewrite, in place, the cells of a whole table that can be read in two ways, where something
    tells how: see `Evidence.settled`.
    """
    evidence = Evidence()
    for place in range(width):
        evidence.look(place, [row[place] for row in rows])
    for place, sign in evidence.settled(delimiter).items():
        for row in rows:
            row[place] = rewrite(row[place], sign)


def may_be_either(cell: str) -> bool:
    """Whether a text is a number that can be read in two ways."""
    return ("," in cell or "." in cell) and _EITHER.match(cell) is not None


def decimal_sign(texts: Iterable[str]) -> str:
    """The decimal sign of a column, if some cell tells and none contradicts; else empty."""
    signs = {sign for text in texts if (sign := _sign(text))}
    return min(signs) if len(signs) == 1 else ""


def _sign(text: str) -> str:
    """The decimal sign that a cell tells of, or `""`."""
    if "," not in text and "." not in text:
        return ""
    if found := _DECIMAL.match(text):
        return found["a"] or found["b"] or found["c"] or found["d"]
    if found := _THOUSANDS.match(text):
        return "." if found["sign"] == "," else ","
    return ""
