"""Numbers of a CSV that can be read in two ways, settled by the column they stand in.

`5,993` is five thousand in English and less than six in French; a reader of one value can only
refuse it. A column usually tells: where `12,5` or `0,125` stands, a comma is a decimal sign; where
`2,500.50` or `1,234,567` stands, it is not. Where it does not, the rest of the file may.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
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
_PLAIN_COLUMN = re.compile(r"[0-9.,+\s'’-]*\Z")
_ALL = 0.9  # of a column's numbers that carry its mark, at least


class Evidence:
    """What the columns of a stream tell about their decimal signs and about what stands beside
    their numbers, however the stream is cut.

    Parts that looked at different stretches are merged; `settled` is asked at the end.
    """

    def __init__(self) -> None:
        self._signs: dict[int, set[str]] = {}
        self._either: set[int] = set()
        self._marks: dict[int, Counter[int]] = {}
        self._plain: Counter[int] = Counter()
        self._words: Counter[int] = Counter()

    def look(self, place: int, texts: Collection[str]) -> None:
        """Take cells of the column at `place` into account."""
        together = "\n".join(texts)
        if _PLAIN_COLUMN.match(together):
            self._plain[place] += 1
            if "," in together or "." in together:
                self._look_at_signs(place, set(texts))
            return
        # A column of words needs no more looking at.
        if self._words[place] > 100 + 10 * (self._plain[place] + self._marked(place)):
            return
        numbers = set()
        for text in set(texts):
            if _NUMBER.match(text):
                self._plain[place] += 1
                numbers.add(text)
            elif (mark := _mark_beside(text)) is not None:
                self._marks.setdefault(place, Counter())[mark] += 1
                numbers.add(_bare(text))
            elif text.strip():
                self._words[place] += 1
        self._look_at_signs(place, numbers)

    def _look_at_signs(self, place: int, texts: Collection[str]) -> None:
        known = self._signs.setdefault(place, set())
        for text in texts:
            if "," in text or "." in text:
                if _EITHER.match(text):
                    self._either.add(place)
                elif len(known) < 2 and (sign := _sign(text)):
                    known.add(sign)

    def _marked(self, place: int) -> int:
        return self._marks[place].total() if place in self._marks else 0

    def merge(self, other: Evidence) -> None:
        """Add what another part of the same file tells."""
        for place, signs in other._signs.items():
            self._signs.setdefault(place, set()).update(signs)
        self._either |= other._either
        for place, marks in other._marks.items():
            self._marks.setdefault(place, Counter()).update(marks)
        self._plain.update(other._plain)
        self._words.update(other._words)

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

    def to_json(self) -> dict[str, Any]:
        """The evidence as JSON data; `from_json` gives it back."""
        return {
            "signs": [[place, "".join(sorted(signs))] for place, signs in self._signs.items()],
            "either": sorted(self._either),
            "marks": [[place, sorted(marks.items())] for place, marks in self._marks.items()],
            "plain": sorted(self._plain.items()),
            "words": sorted(self._words.items()),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Evidence:
        """The inverse of `to_json`."""
        evidence = cls()
        evidence._signs = {place: set(signs) for place, signs in stored["signs"]}
        evidence._either = set(stored["either"])
        evidence._marks = {place: Counter(dict(marks)) for place, marks in stored["marks"]}
        evidence._plain = Counter(dict(stored["plain"]))
        evidence._words = Counter(dict(stored["words"]))
        return evidence


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
