"""Whom the rows of a tried file are of: nothing of them is recorded, their cells are still kept."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import cache

from mlcore.engine.schema import EMPLOYEE_ID
from predictions.batches.cutting import Cut, Rows
from predictions.models import Batch


def references(batch: Batch, lines: Iterable[int]) -> dict[int, str]:
    """By line, the employee's reference as it stands in the file; `""` where it has none.

    `lines` are of rows that could be assessed. Only the chunks that hold them are read.
    """
    cut = Cut.of(batch)
    last = batch.chunks.count()
    if EMPLOYEE_ID not in cut.matched or not last:
        return dict.fromkeys(lines, "")
    place = cut.matched[EMPLOYEE_ID]

    @cache
    def chunk(number: int) -> tuple[list[int], list[str]]:
        content = batch.chunks.values_list("content", flat=True).get(number=number)
        return Rows.column_of(bytes(content), place)

    def reference(line: int) -> str:
        # The chunks follow each other as the lines do; near the guess, for few lines are no rows
        # and most chunks are of one size.
        number = min(line * last // (batch.rows or 1) + 1, last)
        low, high = 1, last
        while low <= high:
            held, column = chunk(number)
            at = bisect_left(held, line)
            if at < len(held) and held[at] == line:
                return column[at].strip()
            if at == len(held):
                low = number + 1
                number += 1
            else:
                high = number - 1
                number -= 1
            if not low <= number <= high:
                number = (low + high) // 2
        return ""

    return {line: reference(line) for line in lines}
