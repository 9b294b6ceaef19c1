"""Several files as one list: a file with those that brought its refused rows again, corrected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore.engine.operating import BANDS
from mlcore.engine.values import Value
from predictions.batches import ranking
from predictions.batches.ranking import GROUP, Ranking, Totals
from predictions.models import Batch

_FILE = 1 << 40
"""More than any file has lines: rows of the first file are its lines, those of the next follow."""


def row_of(file: int, line: int) -> int:
    """A row of the list: `file` is its place among the files, 0 for the first."""
    return file * _FILE + line


def file_and_line(row: int) -> tuple[int, int]:
    """The inverse of `row_of`."""
    return divmod(row, _FILE)


class Together(Ranking):
    """The people of several files, judged by one model and one operating point, as one ranking.

    Its rows are those of `row_of`. Nothing of it is stored: each column is put together when it is
    first asked for.
    """

    def __init__(self, parts: Sequence[Ranking]) -> None:
        """`parts` begin with the file whose rows the others brought again."""
        self._parts = parts
        self._columns = {}
        people = [part.totals for part in parts]
        self.totals = Totals(
            people=sum(one.people for one in people),
            refused=people[0].refused,
            by_band={band: sum(one.by_band[band] for one in people) for band in BANDS},
        )
        rows = np.concatenate(
            [part.read("row").astype(np.int64) + place * _FILE for place, part in enumerate(parts)]
        )
        risks = np.concatenate([part.read("probability") for part in parts])
        self._order = np.lexsort((rows, -risks))
        self._columns["row"] = rows[self._order]
        # A file of which nobody was assessed has no columns to speak of.
        self._parts = [part for part in parts if len(part)]
        # By what only a few corrected rows tell, a whole file is not compared.
        keys = self._parts[0].values if self._parts else {}
        self.values = {key: ranking.all_values(key, self._values(key)) for key in keys}
        self._tables = {key: self._added(key) for key in keys}

    def read(self, key: str) -> NDArray[Any]:
        if key not in self.values:
            return np.concatenate([part.read(key) for part in self._parts])[self._order]
        codes = {value: code for code, value in enumerate(self.values[key])}
        kind = np.min_scalar_type(len(codes))
        coded = [
            np.array([codes[value] for value in values], dtype=kind)[
                part.read(key) if key in part.values else np.zeros(len(part), dtype=np.uint8)
            ]
            for part, values in zip(self._parts, self._values(key), strict=True)
        ]
        return np.concatenate(coded)[self._order]

    def _values(self, key: str) -> list[list[Value]]:
        """What the codes of each part stand for; where a file has no such column, one blank."""
        blank: list[Value] = ["" if key.startswith(GROUP) else None]
        return [part.values.get(key, blank) for part in self._parts]

    def _added(self, key: str) -> list[list[int]]:
        codes = {value: code for code, value in enumerate(self.values[key])}
        table = np.zeros((len(codes), len(BANDS)), dtype=np.int64)
        for part, values in zip(self._parts, self._values(key), strict=True):
            # A part without this dimension has all its people under its one value.
            own = part.table(key) if key in part.values else [[*part.totals.by_band.values()]]
            table[[codes[value] for value in values]] += np.asarray(own)
        added: list[list[int]] = table.tolist()
        return added


def of(batches: Sequence[Batch]) -> Ranking:
    """The ranking of a file with those that corrected it, as `ranking.of` of one."""
    if len(batches) == 1:
        return ranking.of(batches[0])
    return ranking.kept(batches, lambda: Together([ranking.of(batch) for batch in batches]))
