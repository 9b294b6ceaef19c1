"""A kept file read once to its end, and its rows kept as chunks, of the asked columns alone.

Whoever is killed while reading loses nothing: the chunks are numbered and each is written once, so
the next one reads from the beginning, cuts what is written as it was cut, and goes on after it.
When two read at the same time, the first to write a chunk goes on and the other one leaves.

A chunk has this form, and that of earlier releases is read as well:

    prefix     struct: magic, version, bytes of the directory
    directory  the places of the columns, and the bytes of each part
    parts      the lines, the odd rows, and each column

Directory and parts are JSON, each compressed for itself: a column is read without the others.
"""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
from django.db import IntegrityError, connection, transaction
from numpy.typing import NDArray

from mlcore.engine.ingest import records
from mlcore.engine.ingest.decimals import Evidence
from mlcore.engine.ingest.marks import adapted
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.schema import EMPLOYEE_ID
from mlcore.engine.words import Problem
from predictions.batches import files
from predictions.models import Batch, BatchChunk, BatchState

GROUP_LENGTH = 80  # characters
CHUNK_ROWS = 2_500
"""Few enough that a web process waits for none, many enough that a transaction's cost is lost."""

MOST_VALUES = 200
"""Of a group: a column with more of them compares nobody, and no page could list them."""

_QUICKLY = 1  # zlib's level
_MAGIC = b"ROWS"  # no compressed text begins with an R
_VERSION = 2
_PREFIX = struct.Struct("<4sB3xI")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """What reading a file to its end told, and for which columns it was read."""

    matched: Mapping[str, int]
    """By field, the place of its column."""
    grouped: Sequence[int]
    """Places of the columns kept as groups."""
    too_many: Sequence[int]
    """Places of those that were to be kept and have more than `MOST_VALUES` values: none of them
    is recorded."""
    decimals: Mapping[int, str]
    """By place, the decimal sign of a column whose cells alone do not tell."""
    repeated: int
    """Rows whose employee's reference occurred in a row above."""

    def to_json(self) -> dict[str, Any]:
        """As `Batch.cut` keeps it."""
        return {
            "matched": dict(self.matched),
            "grouped": list(self.grouped),
            "too_many": list(self.too_many),
            "decimals": [*self.decimals.items()],
            "repeated": self.repeated,
        }

    @classmethod
    def of(cls, batch: Batch) -> Cut:
        """That of a batch which was read to its end."""
        return cls(
            matched=batch.cut["matched"],
            grouped=batch.cut["grouped"],
            too_many=batch.cut["too_many"],
            decimals=dict(map(tuple, batch.cut["decimals"])),
            repeated=batch.cut["repeated"],
        )


def fits(batch: Batch) -> bool:
    """Whether the chunks of a batch are those of its columns as they are matched now."""
    if batch.rows is None:
        return False
    known = Cut.of(batch)
    return known.matched == batch.matched and {*known.grouped, *known.too_many} == {*batch.grouped}


def places_of(batch: Batch) -> list[int]:
    """The places of the columns that are kept, in the file's order."""
    return sorted({*batch.matched.values(), *batch.grouped})


@dataclass(frozen=True, slots=True)
class Odd:
    """A row that is none of the table's."""

    line: int
    problem: Problem
    cells: list[str]
    """Those in the places that are kept; blank where it is too short."""


@dataclass(slots=True)
class Rows:
    """Some rows of a file: the cells at `places`, by column."""

    places: Sequence[int]
    lines: list[int] = field(default_factory=list)
    """Of each row, its line in the file."""
    columns: list[Sequence[str]] = field(default_factory=list)
    """One per place, each as long as `lines`."""
    odd: list[Odd] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines) + len(self.odd)

    def pack(self) -> bytes:
        """As a chunk keeps them."""
        odd = [[o.line, o.problem.code, o.problem.params, o.cells] for o in self.odd]
        parts = [_packed(part) for part in (self.lines, odd, *self.columns)]
        directory = _packed([[*self.places], [len(part) for part in parts]])
        return b"".join([_PREFIX.pack(_MAGIC, _VERSION, len(directory)), directory, *parts])

    @classmethod
    def unpack(cls, content: bytes) -> Rows:
        """The inverse of `pack`. Raises `ValueError` for a form that this release does not know."""
        if _is_one_text(content):
            places, lines, columns, odd = _of_one_text(content)
        else:
            places, parts = _parts(content)
            lines, odd, *columns = map(_unpacked, parts)
        return cls(
            places,
            lines,
            columns,
            [Odd(line, Problem(code, params), cells) for line, code, params, cells in odd],
        )

    @staticmethod
    def column_of(content: bytes, place: int) -> tuple[list[int], list[str]]:
        """Of what `unpack` reads, the line of each row, and its cell in the column at a place."""
        if _is_one_text(content):
            rows = Rows.unpack(content)
            return rows.lines, [*rows.columns[rows.places.index(place)]]
        places, (lines, _odd, *columns) = _parts(content)
        return _unpacked(lines), _unpacked(columns[places.index(place)])


def _packed(part: object) -> bytes:
    try:
        text = orjson.dumps(part)
    except orjson.JSONEncodeError:  # half of a character that takes two
        text = json.dumps(part).encode()
    return zlib.compress(text, _QUICKLY)


def _unpacked(part: bytes) -> Any:
    text = zlib.decompress(part)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _is_one_text(content: bytes) -> bool:
    """Whether it has the first form: all of it one compressed text, without a prefix."""
    return not content.startswith(_MAGIC)


def _of_one_text(content: bytes) -> list[Any]:
    """The places, the lines, the columns and the odd rows."""
    try:
        text = zlib.decompress(content).decode("utf-8", "surrogatepass")
    except zlib.error as error:
        raise ValueError("this is no chunk") from error
    found: list[Any] = json.loads(text)
    return found


def _parts(content: bytes) -> tuple[list[int], list[bytes]]:
    """The places, and the packed lines, odd rows and columns."""
    _magic, version, length = _PREFIX.unpack_from(content)
    if version != _VERSION:
        raise ValueError("this is no chunk of this version")
    start = _PREFIX.size + length
    places, sizes = _unpacked(content[_PREFIX.size : start])
    bounds = itertools.accumulate(sizes, initial=start)
    return places, [content[begin:end] for begin, end in itertools.pairwise(bounds)]


def group_text(cell: str) -> str:
    """What is kept of a cell as a group."""
    return cell.strip()[:GROUP_LENGTH]


def cut(batch: Batch) -> bool:
    """Read a file to its end and keep its rows; False when the work is no longer this one's.

    Raises `TableError` for what ends the reading.
    """
    places = places_of(batch)
    # What another process wrote before it died, whatever size its chunks had. No number is missing:
    # who writes one has written those before it, or found them here.
    written = [*batch.chunks.order_by("number").values_list("rows", flat=True)]
    evidence = Evidence()
    values: dict[int, set[str]] = {place: set() for place in batch.grouped}
    references: list[NDArray[np.int64]] = []
    reference = places.index(batch.matched[EMPLOYEE_ID]) if EMPLOYEE_ID in batch.matched else None
    count = number = 0
    for number, rows in enumerate(_chunks(batch, places, written), start=1):
        count += len(rows)
        for place, column in zip(places, rows.columns, strict=True):
            evidence.look(place, column)
            if place in values and len(values[place]) <= MOST_VALUES:
                values[place].update(map(group_text, set(column)))
        if reference is not None:
            references.append(_hashes(rows.columns[reference]))
        if number > len(written) and not _keep(batch, number, rows):
            return False
    if not count:
        raise TableError("no_employees")
    too_many = [place for place, found in values.items() if len(found) > MOST_VALUES]
    known = Cut(
        matched=batch.matched,
        grouped=[place for place in batch.grouped if place not in too_many],
        too_many=too_many,
        decimals=evidence.settled(files.format_of(batch).delimiter),
        repeated=_repeated(references),
    )
    return _end(batch, known, rows=count)


def _chunks(batch: Batch, places: Sequence[int], first: Sequence[int]) -> Iterator[Rows]:
    """The rows of a file; `first` says of how many rows each of the first chunks is."""
    reading = files.format_of(batch)
    faults = records.Faults(len(reading.headers))
    pick = _picker(places)
    rooms = itertools.chain(first, itertools.repeat(CHUNK_ROWS))
    rows, picked, room = Rows(places), [], next(rooms)
    for line, cells in records.read(files.pieces(batch), reading):
        if problem := faults.of(cells):
            rows.odd.append(_odd(line, problem, cells, places))
        else:
            rows.lines.append(line)
            picked.append(pick(cells))
        room -= 1
        if not room:
            rows.columns = _columns(picked, places)
            yield rows
            rows, picked, room = Rows(places), [], next(rooms)
    if len(rows):
        rows.columns = _columns(picked, places)
        yield rows


def _columns(picked: Sequence[Sequence[str]], places: Sequence[int]) -> list[Sequence[str]]:
    """The cells of rows by column; where every row is odd, columns of none."""
    return [*zip(*picked, strict=True)] if picked else [[] for _ in places]


def _picker(places: Sequence[int]) -> Any:
    """Takes the cells at `places` out of a row, as a tuple."""
    if len(places) == 1:
        [place] = places
        return lambda cells: (cells[place],)
    return itemgetter(*places) if places else lambda cells: ()


def _odd(line: int, problem: Problem, cells: list[str], places: Sequence[int]) -> Odd:
    if problem.code == "merge_marker":
        return Odd(line, problem, [])
    return Odd(line, problem, [cells[place] if place < len(cells) else "" for place in places])


def _hashes(references: Sequence[str]) -> NDArray[np.int64]:
    """One for each reference that is given, as it is recorded."""
    trimmed = [reference.strip() for reference in adapted(references, "", None)]
    return np.array([hash(reference) for reference in trimmed if reference], dtype=np.int64)


def _repeated(references: list[NDArray[np.int64]]) -> int:
    if not references:
        return 0
    every = np.concatenate(references)
    references.clear()
    every.sort()
    return int(np.count_nonzero(every[1:] == every[:-1]))


@contextmanager
def chunk_transaction() -> Iterator[None]:
    """A transaction that keeps or records one chunk.

    It is written to disk a moment after it was committed: the mark of being done is in it too, so
    that if the server loses power both are lost, and the chunk is done again. What ends the work is
    written with all before it. And a process that stands still for a minute loses what it holds.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('synchronous_commit', 'off', true),"
                    " set_config('idle_in_transaction_session_timeout', '60s', true)"
                )
        yield


def _held(batch: Batch) -> bool:
    """Whether the batch is still to be read, as it was when this process began to.

    Until the transaction ends nobody stops it or begins it anew.
    """
    same = Batch.objects.filter(
        pk=batch.pk, state=batch.state, started_at=batch.started_at, rows=None
    )
    return bool(same.select_for_update(no_key=True).values_list("pk", flat=True))


def _keep(batch: Batch, number: int, rows: Rows) -> bool:
    content = rows.pack()
    try:
        with chunk_transaction():
            if not _held(batch):
                return False
            BatchChunk.objects.create(batch=batch, number=number, rows=len(rows), content=content)
    except IntegrityError:
        return False  # another process reads the file as well, and is further
    return True


def _end(batch: Batch, known: Cut, *, rows: int) -> bool:
    with transaction.atomic():
        if not _held(batch):
            return False
        Batch.objects.filter(pk=batch.pk).update(rows=rows, cut=known.to_json())
        if batch.state == BatchState.RUNNING:
            # From here on the chunks are enough. After a try the columns may still be corrected.
            batch.pieces.all().delete()
    batch.rows, batch.cut = rows, known.to_json()
    return True
