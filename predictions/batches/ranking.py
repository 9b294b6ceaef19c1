"""The recorded rows of a file by their risk, in columns: what the pages of its results show.

A row takes some ten bytes: its line in the file, its risk and level, a code for each answer that
the model asked for, and a code for each group. Whatever is filtered, counted or turned over is then
array arithmetic, and a page fetches its fifty predictions alone. Audit attributes are not among the
columns: nobody filters a list of people by gender. References are not either: they stay in the one
place where they can be blanked.

A chunk's part and the whole ranking have one form, which nothing executes:

    prefix    struct: magic, version, bytes of the header, people, refused, people by level
    header    JSON: where each column lies; what codes stand for; people by code and level
    columns   arrays of numpy, each compressed for itself and read when it is first asked for
"""

from __future__ import annotations

import json
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import BinaryField, Sum
from django.db.models.functions import Substr
from numpy.typing import NDArray

from mlcore.engine.glassbox import Scores
from mlcore.engine.operating import BANDS, Band
from mlcore.engine.schema import CleanFrame, FeatureSchema
from mlcore.engine.values import Value
from predictions.models import Batch, BatchChunk, BatchRanking

ANSWER, GROUP = "f.", "g."
"""What the key of a dimension begins with: an answer's field follows, or a group's header."""

Positions = NDArray[np.intp]
"""Places in the ranking: 0 is the highest risk."""
Where = Mapping[str, Collection[str]]
"""By dimension, the values of which a row must have one; as text, `""` for a blank."""

_MAGIC = b"RANK"
_VERSION = 1
_PREFIX = struct.Struct("<4sB3xIQQ4Q")
_LEVEL = 1  # of zlib: the codes are few, so that more effort wins little
_KEPT = 4  # rankings per process
_PARTS_AT_ONCE = 50


def answer_key(name: str) -> str:
    """The dimension of a field's answers."""
    return ANSWER + name


def group_key(header: str) -> str:
    """The dimension of a column that was kept as a group."""
    return GROUP + header


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """What a file came to."""

    people: int
    """Rows that were assessed."""
    refused: int
    """Rows that could not be."""
    by_band: Mapping[Band, int]

    def share(self, band: Band) -> float:
        """The share of the people at a level, 0 to 1; 0 where there is nobody."""
        return self.by_band[band] / self.people if self.people else 0.0


# ------------------------------------------------------------------ writing


def part(
    schema: FeatureSchema,
    frame: CleanFrame,
    scores: Scores,
    bands: Sequence[str],
    rows: Sequence[int],
    groups: Mapping[str, Sequence[str]],
) -> bytes:
    """The accepted rows of one chunk. Everything is aligned with the frame; `rows` are lines."""
    columns: dict[str, NDArray[Any]] = {
        "row": np.asarray(rows, dtype=np.uint64),
        "probability": np.asarray(scores.probability, dtype=np.float64),
        "band": _coded(bands, BANDS),
    }
    values: dict[str, list[Value]] = {}
    for feature in schema.features:
        if feature.choices:
            key = answer_key(feature.name)
            values[key] = [*(choice.value for choice in feature.choices), None]
            columns[key] = _coded(frame.inputs[feature.name], values[key])
    for header, texts in groups.items():
        key = group_key(header)
        values[key] = list(dict.fromkeys(texts))
        columns[key] = _coded(texts, values[key])
    return _pack(columns, values, refused=0)


def _coded(column: Iterable[Value], values: Sequence[Value]) -> NDArray[Any]:
    codes = {value: code for code, value in enumerate(values)}
    return np.fromiter(map(codes.__getitem__, column), dtype=_smallest(len(values)))


def _smallest(count: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint32


def _pack(
    columns: Mapping[str, NDArray[Any]], values: Mapping[str, list[Value]], *, refused: int
) -> bytes:
    bands = columns["band"]
    packed: list[bytes] = []
    directory: dict[str, list[Any]] = {}
    start = 0
    for key, column in columns.items():
        stored = zlib.compress(column.astype(column.dtype.newbyteorder("<")).tobytes(), _LEVEL)
        directory[key] = [column.dtype.newbyteorder("<").str, start, len(stored)]
        packed.append(stored)
        start += len(stored)
    tables = {key: _table(columns[key], bands, len(values[key])).tolist() for key in values}
    header = json.dumps(
        {"columns": directory, "values": values, "tables": tables},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    by_band = np.bincount(bands, minlength=len(BANDS)).tolist()
    prefix = _PREFIX.pack(_MAGIC, _VERSION, len(header), len(bands), refused, *by_band)
    return b"".join([prefix, header, *packed])


def _table(codes: NDArray[Any], bands: NDArray[Any], count: int) -> NDArray[np.intp]:
    """People by code and level, of shape (count, 4)."""
    cells = codes.astype(np.uint32) * len(BANDS) + bands
    return np.bincount(cells, minlength=count * len(BANDS)).reshape(count, len(BANDS))


def finish(batch: Batch) -> None:
    """Put the parts of a batch's chunks together and empty them. It may run twice."""
    with transaction.atomic():
        # Whoever comes second waits here, and then finds the parts empty.
        Batch.objects.select_for_update().get(pk=batch.pk)
        done = batch.chunks.exclude(done_at=None)
        counted = done.aggregate(accepted=Sum("accepted"), refused=Sum("refused"))
        parts = [
            Ranking(bytes(content))
            for content in done.exclude(part=b"")
            .order_by("number")
            .values_list("part", flat=True)
            .iterator(chunk_size=_PARTS_AT_ONCE)
        ]
        if not parts and counted["accepted"]:
            return
        content = _assemble(parts, refused=counted["refused"] or 0)
        BatchRanking.objects.update_or_create(batch=batch, defaults={"content": content})
        BatchChunk.objects.filter(batch=batch).exclude(part=b"").update(part=b"")


def _assemble(parts: Sequence[Ranking], *, refused: int) -> bytes:
    if not parts:
        nobody = {"row": np.uint8, "probability": np.float32, "band": np.uint8}
        return _pack({k: np.empty(0, kind) for k, kind in nobody.items()}, {}, refused=refused)
    rows = np.concatenate([each.read("row") for each in parts])
    probability = np.concatenate([each.read("probability") for each in parts])
    order = np.lexsort((rows, -probability))
    columns: dict[str, NDArray[Any]] = {
        "row": rows[order].astype(_smallest(int(rows.max(initial=0)) + 1)),
        # Sorted exactly, kept as exactly as it is drawn.
        "probability": probability[order].astype(np.float32),
        "band": np.concatenate([each.read("band") for each in parts])[order],
    }
    del rows, probability  # a million of each are 16 MB
    values: dict[str, list[Value]] = {}
    for key in dict.fromkeys(key for each in parts for key in each.values):
        values[key] = all_values(key, [each.values[key] for each in parts])
        codes = {value: code for code, value in enumerate(values[key])}
        kind = _smallest(len(codes))
        coded = [
            np.array([codes[value] for value in each.values[key]], dtype=kind)[each.read(key)]
            for each in parts
        ]
        columns[key] = np.concatenate(coded)[order]
    return _pack(columns, values, refused=refused)


def all_values(key: str, parts: Iterable[Sequence[Value]]) -> list[Value]:
    """Those of all parts: an answer's in the schema's order, a group's by alphabet."""
    found = dict.fromkeys(value for values in parts for value in values)
    return sorted(found, key=_folded) if key.startswith(GROUP) else list(found)


def _folded(value: Value) -> tuple[str, str]:
    return str(value).casefold(), str(value)


# ------------------------------------------------------------------ reading


class Ranking:
    """The people of one file, the highest risk first; equals in the order of the file."""

    def __init__(self, content: bytes) -> None:
        """Raises `ValueError` when `content` is no ranking of this version."""
        self.totals, length = _prefix(content)
        end = _PREFIX.size + length
        header = json.loads(content[_PREFIX.size : end])
        self.values: dict[str, list[Value]] = header["values"]
        """By dimension, what its codes stand for."""
        self._tables: dict[str, list[list[int]]] = header["tables"]
        self._directory: dict[str, tuple[str, int, int]] = header["columns"]
        self._content, self._start = content, end
        self._columns: dict[str, NDArray[Any]] = {}

    def __len__(self) -> int:
        return self.totals.people

    def column(self, key: str) -> NDArray[Any]:
        """One column, of shape (n,): `row`, `probability`, `band`, or a dimension's codes."""
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = self.read(key)
        return column

    def read(self, key: str) -> NDArray[Any]:
        """As `column`, but not kept: for who asks once."""
        kind, start, length = self._directory[key]
        stored = memoryview(self._content)[self._start + start :][:length]
        return np.frombuffer(zlib.decompress(stored), dtype=np.dtype(kind))

    def select(self, bands: Collection[Band] = (), where: Where | None = None) -> Positions:
        """Who is at one of the levels and has one of the values of every dimension named.

        No level, and no dimension, leaves everyone. A dimension or value that the file does not
        have leaves nobody.
        """
        mask = self._mask(where or {})
        if bands:
            wanted = self._is_one_of("band", {BANDS.index(band) for band in bands})
            mask = wanted if mask is None else mask & wanted
        return np.arange(len(self)) if mask is None else np.flatnonzero(mask)

    def table(self, key: str, where: Where | None = None) -> list[list[int]]:
        """People by value of a dimension and by level, whatever filter there is on it itself."""
        others = {name: values for name, values in (where or {}).items() if name != key}
        mask = self._mask(others)
        if mask is None:
            return self._tables[key]
        chosen = np.flatnonzero(mask)
        count = len(self.values[key])
        table: list[list[int]] = _table(
            self.column(key)[chosen], self.column("band")[chosen], count
        ).tolist()
        return table

    def tables(self, where: Where) -> Mapping[str, list[list[int]]]:
        """`table` of every dimension: who the filters leave is looked for once."""
        mask = self._mask(where)
        if mask is None:
            return self._tables
        chosen = np.flatnonzero(mask)
        bands = self.column("band")[chosen]
        return {
            key: self.table(key, where)
            if key in where
            else _table(self.column(key)[chosen], bands, len(values)).tolist()
            for key, values in self.values.items()
        }

    def by_band(self, where: Where | None = None) -> dict[Band, int]:
        """People by level."""
        mask = self._mask(where or {})
        if mask is None:
            return dict(self.totals.by_band)
        counts = np.bincount(self.column("band")[mask], minlength=len(BANDS)).tolist()
        return dict(zip(BANDS, counts, strict=True))

    @cached_property
    def mean_probability(self) -> float:
        """The mean risk, 0 to 1; NaN where there is nobody."""
        risks = self.column("probability")
        return float(risks.mean(dtype=np.float64)) if len(risks) else float("nan")

    def rows(self, positions: Positions) -> list[int]:
        """The lines in the file at these places."""
        lines: list[int] = self.column("row")[positions].tolist()
        return lines

    def positions_of(self, rows: Collection[int]) -> Positions:
        """The places of these lines, the highest risk first; lines that are not here have none."""
        lines = np.fromiter(rows, dtype=np.int64, count=len(rows))
        return np.flatnonzero(np.isin(self.column("row"), lines))

    def by_line(self, positions: Positions) -> Positions:
        """The same places in the order of the file."""
        chosen = np.zeros(len(self), dtype=bool)
        chosen[positions] = True
        order = self._lines
        return order[chosen[order]]

    @cached_property
    def _lines(self) -> Positions:
        return np.argsort(self.column("row"), kind="stable")

    def _mask(self, where: Where) -> NDArray[np.bool_] | None:
        """Who has one of the values of every dimension; None for everyone."""
        mask: NDArray[np.bool_] | None = None
        for key, wanted in where.items():
            codes = {
                code
                for code, value in enumerate(self.values.get(key, ()))
                if value_text(value) in wanted
            }
            one = self._is_one_of(key, codes) if codes else np.zeros(len(self), dtype=bool)
            mask = one if mask is None else mask & one
        return mask

    def _is_one_of(self, key: str, codes: Collection[int]) -> NDArray[np.bool_]:
        column = self.column(key)
        wanted = np.zeros(int(column.max(initial=0)) + 1, dtype=bool)
        wanted[[code for code in codes if code < len(wanted)]] = True
        among: NDArray[np.bool_] = wanted[column]
        return among


def value_text(value: Value) -> str:
    """A value as it stands in an address: `""` for a blank."""
    return "" if value is None else str(value)


def _prefix(content: bytes) -> tuple[Totals, int]:
    """What the first bytes say, and how long the header is."""
    try:
        magic, version, length, people, refused, *counts = _PREFIX.unpack_from(content)
    except struct.error as error:
        raise ValueError("this is no ranking") from error
    if magic != _MAGIC or version != _VERSION:
        raise ValueError("this is no ranking of this version")
    by_band = dict(zip(BANDS, counts, strict=True))
    return Totals(people=people, refused=refused, by_band=by_band), length


_kept: OrderedDict[tuple[tuple[int, object], ...], Ranking] = OrderedDict()
_lock = threading.Lock()


def of(batch: Batch) -> Ranking:
    """The ranking of a batch that has one; each process keeps the few that were read last.

    Raises `BatchRanking.DoesNotExist`.
    """
    return kept([batch], lambda: Ranking(bytes(BatchRanking.objects.get(pk=batch.pk).content)))


def kept(batches: Sequence[Batch], make: Callable[[], Ranking]) -> Ranking:
    """What is made of these batches' rankings; each process keeps the few that were read last.

    They do not change while `started_at` does not: only a file that was tried can begin again.
    """
    key = tuple((batch.pk, batch.started_at) for batch in batches)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = make()
    with _lock:
        _kept[key] = found
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return found


def totals(batches: Iterable[Batch]) -> dict[int, Totals]:
    """What each of the batches came to, by its id, in one query; without those that have none."""
    beginning = Substr("content", 1, _PREFIX.size, output_field=BinaryField())
    found = BatchRanking.objects.filter(pk__in=[batch.pk for batch in batches])
    return {pk: _prefix(bytes(start))[0] for pk, start in found.values_list("pk", beginning)}
