"""How the first rows of a brought file would be understood, before anything is begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType

from mlcore.engine.features import Feature
from mlcore.engine.ingest import decimals, marks, records
from mlcore.engine.ingest.records import Faults
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import InvalidValueError, read_identifier, shown
from mlcore.engine.words import Problem, number_text
from predictions.batches import files, reading
from predictions.batches.answers import Meanings
from predictions.models import Batch

LOOKED_AT = 200  # rows
SHOWN = 5  # rows
_REFUSED_SHOWN = 2  # of them, at least, where there are so many
FAULTS_SHOWN = 3

Records = Sequence[tuple[int, list[str]]]
"""The line of each row in the file, and its cells."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value as the model reads it."""

    text: str
    """As a person reads it, a number without its unit; empty for what is not known."""
    given: str
    """What the file says."""
    wrong: str = ""
    """What is wrong with it and what to do; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One field over the first rows."""

    name: str
    place: int
    """Of its column in the file."""
    cells: list[Cell]

    @property
    def wrong(self) -> str:
        """What is wrong with the first cell that cannot be read; empty when all can be."""
        return next((cell.wrong for cell in self.cells if cell.wrong), "")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Values of one column that cannot be read."""

    count: int
    sentence: str
    """What is wrong with the first of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstRows:
    """The first rows as the model would understand them."""

    looked_at: int
    refused: int
    """How many of those looked at could not be assessed."""
    lines: list[int]
    readings: list[Reading]
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    """By field."""
    signs: dict[str, str] = field(default_factory=dict)
    """By field, the sign beside its numbers that the model was not said to count in."""
    faults: list[tuple[int, str]] = field(default_factory=list)
    """Of the first rows that are wrong as a whole: the line, and what is wrong."""


def of(batch: Batch) -> Records:
    """The first rows of a kept file. Raises `TableError`."""
    read = records.read(files.pieces(batch), files.format_of(batch))
    return list(islice(read, LOOKED_AT))


def understood(
    rows: Records,
    matched: Mapping[str, int],
    schema: FeatureSchema,
    language: str,
    *,
    grouped: Collection[int] = (),
    width: int,
    delimiter: str,
    meanings: Meanings = MappingProxyType({}),
) -> FirstRows:
    """What the model would make of `rows`; `matched` gives each field's place.

    `grouped` are places of columns that are kept besides: they tell about decimal signs as well.
    `width` is how many columns the header has: a row with more or fewer cells is refused.
    `meanings` is what a person told of the file's words.
    """
    faults = Faults(width)
    whole: list[tuple[int, list[str]]] = []
    wrong: list[tuple[int, str]] = []
    for line, cells in rows:
        if problem := faults.of(cells):
            wrong.append((line, problem.text(language)))
        else:
            whole.append((line, cells))
    given = {name: [cells[place] for _, cells in whole] for name, place in matched.items()}
    settled = _settled(whole, {*matched.values(), *grouped}, delimiter)
    read = reading.read(given, matched, settled, schema, meanings)
    frame = reading.judged(read, schema, rows=len(whole))
    counts: Counter[str] = Counter()
    first: dict[str, Problem] = {}
    for problems in frame.problems.values():
        for name, found in problems.items():
            counts[name] += 1
            first.setdefault(name, found[0])
    shown_at = _shown(len(whole), sorted(frame.problems))
    return FirstRows(
        looked_at=len(rows),
        refused=len(frame.problems) + len(wrong),
        lines=[whole[at][0] for at in shown_at],
        readings=[
            Reading(
                name,
                place,
                [
                    _cell(given[name][at], read[name][at], schema.by_name.get(name), language)
                    for at in shown_at
                ],
            )
            for name, place in sorted(matched.items(), key=lambda item: item[1])
        ],
        unreadable={
            name: Unreadable(count, first[name].text(language)) for name, count in counts.items()
        },
        signs={
            name: sign
            for name, place in matched.items()
            if name not in counts
            and (sign := marks.note(settled.get(place, ""), schema.by_name.get(name)))
        },
        faults=wrong[:FAULTS_SHOWN],
    )


def _shown(count: int, refused: Sequence[int]) -> list[int]:
    """Which of `count` rows: the first, and among them some that would be refused, if any."""
    wrong = refused[:_REFUSED_SHOWN]
    others = [at for at in range(count) if at not in wrong]
    return sorted([*wrong, *others[: SHOWN - len(wrong)]])


def _settled(rows: Records, places: Collection[int], delimiter: str) -> dict[int, str]:
    """How numbers are to be read as these rows tell; the rest of the file may know better."""
    evidence = decimals.Evidence()
    for place in places:
        evidence.look(place, [cells[place] for _line, cells in rows])
    return evidence.settled(delimiter)


def _cell(given: str, read: str, feature: Feature | None, language: str) -> Cell:
    """`read` is what the file means by `given`; `feature` is None for the employee's reference."""
    try:
        if feature is None:
            return Cell(read_identifier(read), given)
        value = feature.read(read)
        if feature.kind == "number" and isinstance(value, (int, float)):
            return Cell(number_text(value, language), given)
        return Cell(feature.value_text(value, language), given)
    except InvalidValueError as error:
        return Cell("", shown(given), error.problem.text(language))
