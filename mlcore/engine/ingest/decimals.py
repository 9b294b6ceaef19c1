"""Numbers of a CSV that can be read in two ways, settled by the column they stand in.

`5,993` is five thousand in English and less than six in French; a reader of one value can only
refuse it. A column usually tells: where `12,5` or `0,125` stands, a comma is a decimal sign; where
`2,500.50` or `1,234,567` stands, it is not. Where it does not, the rest of the file may.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

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


class Evidence:
    """What the columns of a stream tell about their decimal signs, however it is cut.

    Parts that looked at different stretches are merged; `settled` is asked at the end.
    """

    def __init__(self) -> None:
        self._signs: dict[int, set[str]] = {}
        self._either: set[int] = set()

    def look(self, place: int, texts: Collection[str]) -> None:
        """Take cells of the column at `place` into account."""
        together = "\n".join(texts)
        if "," not in together and "." not in together:
            return
        known = self._signs.setdefault(place, set())
        open_ = place not in self._either
        for text in set(texts):
            if "," not in text and "." not in text:
                continue
            if open_ and _EITHER.match(text):
                self._either.add(place)
                open_ = False
            elif len(known) < 2 and (sign := _sign(text)):
                known.add(sign)

    def merge(self, other: Evidence) -> None:
        """Add what another part of the same file tells."""
        for place, signs in other._signs.items():
            self._signs.setdefault(place, set()).update(signs)
        self._either |= other._either

    def settled(self, delimiter: str = "") -> dict[int, str]:
        """By place, the sign for `rewrite`: of columns that hold numbers of two readings.

        First their own column tells; then the other columns, where all that tell agree; then the
        `delimiter` of the file, for programs that write a decimal comma separate columns by
        semicolons or tabs. Where nothing tells, or a column contradicts itself, there is none.
        """
        everywhere = set().union(*self._signs.values())
        found: dict[int, str] = {}
        for place in sorted(self._either):
            signs = self._signs.get(place) or everywhere
            if len(signs) == 1:
                found[place] = min(signs)
            elif not signs and delimiter in (";", "\t"):
                found[place] = COMMA_ALONE
        return found

    def to_json(self) -> dict[str, Any]:
        """The evidence as JSON data; `from_json` gives it back."""
        return {
            "signs": [[place, "".join(sorted(signs))] for place, signs in self._signs.items()],
            "either": sorted(self._either),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Evidence:
        """The inverse of `to_json`."""
        evidence = cls()
        evidence._signs = {place: set(signs) for place, signs in stored["signs"]}
        evidence._either = set(stored["either"])
        return evidence


def rewrite(text: str, sign: str) -> str:
    """A number that can be read in two ways, as `sign` (see `Evidence.settled`) settles it; any
    other text as it is.
    """
    if may_be_either(text):
        own = "," if "," in text else "."
        if sign != COMMA_ALONE or own == ",":
            return text.replace(own, "." if own == sign[:1] else "")
    return text


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
