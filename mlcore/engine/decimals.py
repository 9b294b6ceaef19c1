"""Numbers of a CSV that can be read in two ways, settled by the column they stand in.

`5,993` is five thousand in English and less than six in French; a reader of one value can only
refuse it. A column usually tells: where `12,5` or `0,125` stands, a comma is a decimal sign; where
`2,500.50` or `1,234,567` stands, it is not.
"""

from __future__ import annotations

import re
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


def settle(rows: list[list[Any]], width: int) -> None:
    """Rewrite, in place, the cells that can be read in two ways where their column tells how.

    Where nothing in the column tells, or cells contradict each other, they stay as they are.
    """
    for place in range(width):
        column = [row[place] for row in rows]
        either = [n for n, cell in enumerate(column) if _may_be_either(cell)]
        if not either or (decimal := _decimal_sign(set(column))) is None:
            continue
        for number in either:
            sign = "," if "," in column[number] else "."
            rows[number][place] = column[number].replace(sign, "." if sign == decimal else "")


def _may_be_either(cell: str) -> bool:
    return ("," in cell or "." in cell) and _EITHER.match(cell) is not None


def _decimal_sign(texts: set[str]) -> str | None:
    """The decimal sign of a column, if some cell tells and none contradicts."""
    signs: set[str] = set()
    for text in texts:
        if "," not in text and "." not in text:
            continue
        if found := _DECIMAL.match(text):
            signs.add(found["a"] or found["b"] or found["c"] or found["d"])
        elif found := _THOUSANDS.match(text):
            signs.add("." if found["sign"] == "," else ",")
    return signs.pop() if len(signs) == 1 else None
