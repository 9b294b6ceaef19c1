"""Numbers of a CSV that can be read in two ways, settled by the column they stand in.

`5,993` is five thousand in English and less than six in French; a reader of one value can only
refuse it. A column usually tells: where `12,5` or `0,125` stands, a comma is a decimal sign; where
`2,500.50` or `1,234,567` stands, it is not. Where it does not, the rest of the file may.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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


def settle(rows: list[list[Any]], width: int, delimiter: str = "") -> None:
    """Rewrite, in place, the cells that can be read in two ways where something tells how.

    First their own column; then the other columns, where all that tell agree; then the `delimiter`
    of the file, for programs that write a decimal comma separate columns by semicolons or tabs.
    Where nothing tells, or a column contradicts itself, they stay as they are.
    """
    signs: set[str] = set()
    unsettled: list[tuple[int, list[int]]] = []
    for place in range(width):
        column = [row[place] for row in rows]
        texts = {cell for cell in column if "," in cell or "." in cell}
        told = _signs(texts)
        signs |= told
        if not (texts and any(map(may_be_either, texts))):
            continue
        either = [n for n, cell in enumerate(column) if may_be_either(cell)]
        if len(told) == 1:
            _rewrite(rows, place, either, min(told))
        elif not told:
            unsettled.append((place, either))
    for place, either in unsettled:
        if len(signs) == 1:
            _rewrite(rows, place, either, min(signs))
        elif not signs and delimiter in (";", "\t"):
            # A point in such a file may be a program's own: it is left to the reader.
            commas = [number for number in either if "," in rows[number][place]]
            _rewrite(rows, place, commas, ",")


def _rewrite(rows: list[list[Any]], place: int, either: list[int], decimal: str) -> None:
    for number in either:
        cell = rows[number][place]
        sign = "," if "," in cell else "."
        rows[number][place] = cell.replace(sign, "." if sign == decimal else "")


def may_be_either(cell: str) -> bool:
    """Whether a text is a number that can be read in two ways."""
    return ("," in cell or "." in cell) and _EITHER.match(cell) is not None


def decimal_sign(texts: Iterable[str]) -> str:
    """The decimal sign of a column, if some cell tells and none contradicts; else empty."""
    signs = _signs(texts)
    return min(signs) if len(signs) == 1 else ""


def _signs(texts: Iterable[str]) -> set[str]:
    """The decimal signs that the cells of a column tell of."""
    signs: set[str] = set()
    for text in texts:
        if "," not in text and "." not in text:
            continue
        if found := _DECIMAL.match(text):
            signs.add(found["a"] or found["b"] or found["c"] or found["d"])
        elif found := _THOUSANDS.match(text):
            signs.add("." if found["sign"] == "," else ",")
    return signs
