"""Which column of a brought file is what: proposed, corrected by a person, remembered.

The engine compares headers and values with the active schema; a file of the same headers as one
before is matched as a person left it then. Nothing of a cell is kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from mlcore.engine.drafting import header_words
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.ingest import matching
from mlcore.engine.ingest.matching import Column
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from predictions.batches import answers, groups
from predictions.batches.answers import Meanings
from predictions.batches.exports import added_columns
from predictions.models import Batch, FileShape
from predictions.models.batch import WAITING, BatchState

if TYPE_CHECKING:
    from accounts.models import User
    from mlcore.registry import ActiveModel

NOT_STORED = ""
"""The use of a column that nobody asked for."""
GROUP = "@group"
"""The use of a column that is kept to compare groups of people by."""
MOST_GROUPS = 3
REMEMBERED, CHOSEN = "remembered", "chosen"
DEPARTMENTS, PLACES = "departments", "places"
"""How a use was found, besides the engine's own ways; the last two, as a group."""

# Between two headers of a fingerprint: no header holds it.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What each column of a file would be read as, all by its place (0 is the first)."""

    columns: list[Column]
    uses: list[str]
    """A field of the schema, `GROUP` or `NOT_STORED`."""
    how: list[str]
    """`header`, `name`, `label`, `likeness`, `remembered`, `chosen`, `departments`, `places`, or
    `""` for a column that nothing was found for."""
    meanings: Meanings
    """What was told of the words of this file, or of the last one of its shape."""
    names: list[str]
    """What each would be called as a group."""
    known: list[str]
    """What groups of earlier files are called, the newest first."""
    rematched: bool = False
    """Whether what was chosen before was for another model, and is not what is proposed now."""


def fingerprint(headers: Sequence[str]) -> str:
    """What files of the same columns have in common, whatever the order and the capitals."""
    folded = [_folded(headers[place]) for place in _ranked(headers)]
    return hashlib.sha256(_SEPARATOR.join(folded).encode("utf-8", "surrogatepass")).hexdigest()


def _folded(header: str) -> str:
    return " ".join(header.split()).casefold()


def _ranked(headers: Sequence[str]) -> list[int]:
    """The places of headers, in an order that is the same for all files of one fingerprint."""
    # Two headers of one file may differ in their capitals alone.
    return sorted(range(len(headers)), key=lambda at: (_folded(headers[at]), headers[at]))


def asked(schema: FeatureSchema) -> list[str]:
    """Every field that a column can be read as: the reference, inputs, audit attributes."""
    return [EMPLOYEE_ID, *(feature.name for feature in schema.everything)]


# ------------------------------------------------------------------ proposing


def propose(batch: Batch, active: ActiveModel, rows: Sequence[Sequence[str]]) -> Proposal:
    """What the columns would be read as: as a person chose, as remembered, or as the engine finds.

    `rows` are the first ones of the file, their cells in its order.
    """
    columns = matching.match(batch.headers, rows, active.schema)
    rematched = False
    shape = None
    if batch.model_version_id == active.id:
        uses, how = _saved(batch, columns)
    else:
        rematched = batch.model_version_id is not None
        shape = _remembered(batch.headers)
        if shape is not None:
            uses, how = _as_remembered(columns, shape, active.schema)
        else:
            units = _organisation(columns)
            uses = [GROUP if column.place in units else column.field for column in columns]
            how = [units.get(column.place, column.how) for column in columns]
    known = groups.known_names()
    return Proposal(
        columns=columns,
        uses=uses,
        how=how,
        meanings=answers.understood(
            batch.answers or (shape.answers if shape else {}), active.schema
        ),
        names=_names(batch, columns, uses, shape, known),
        known=known,
        rematched=rematched,
    )


def _names(
    batch: Batch,
    columns: Sequence[Column],
    uses: Sequence[str],
    shape: FileShape | None,
    known: Sequence[str],
) -> list[str]:
    """What each column is called as a group: as a person said, for this file or one of its shape,
    else as earlier files call the same thing.
    """
    headers = [column.header for column in columns]
    said: dict[int, str] = {}
    if shape is not None:
        places = _ranked(headers[: own_columns(headers)])
        said = {places[int(rank)]: name for rank, name in shape.group_names.items()}
    said |= {place: batch.group_name(place) for place in batch.grouped}
    kept = [column.place for column in columns if uses[column.place] == GROUP]
    free = [name for name in known if name not in said.values()]
    others = [
        *(place for place in kept if place not in said),
        *(c.place for c in columns if c.groupable and c.place not in {*kept, *said}),
    ]
    found = groups.proposed(headers, others, free) | said
    return [groups.on_one_line(found.get(column.place, column.header)) for column in columns]


def _organisation(columns: Sequence[Column]) -> dict[int, str]:
    """By place, the columns that people are proposed to be compared by: one that names a
    department or another unit, and one that names a site, where there are any.
    """
    found: dict[int, str] = {}
    kinds = (header_words.DEPARTMENT, header_words.UNIT, header_words.PLACE)
    for words, how in zip(kinds, (DEPARTMENTS, DEPARTMENTS, PLACES), strict=True):
        for column in columns:
            named = column.groupable and words.search(phrase(column.header))
            if named and column.place not in found and how not in found.values():
                found[column.place] = how
    return found


def own_columns(headers: Sequence[str]) -> int:
    """How many of a file's columns are its own: the last ones of a file of rows to correct are
    not, for they say what to do.
    """
    added = added_columns()
    count = len(headers)
    while count and headers[count - 1] in added:
        count -= 1
    return count if len(headers) - count > 1 else len(headers)


def _remembered(headers: Sequence[str]) -> FileShape | None:
    own = headers[: own_columns(headers)]
    return FileShape.objects.filter(fingerprint=fingerprint(own)).first()


def _saved(batch: Batch, columns: list[Column]) -> tuple[list[str], list[str]]:
    """The uses as a person left them, and how each was found."""
    uses = [NOT_STORED] * len(columns)
    for name, place in batch.matched.items():
        uses[place] = name
    for place in batch.grouped:
        uses[place] = GROUP
    units = _organisation(columns)

    def told(column: Column, use: str) -> str:
        if use == NOT_STORED:
            return NOT_STORED
        if use == GROUP:
            return units.get(column.place, CHOSEN)
        return column.how if use == column.field else CHOSEN

    return uses, [told(column, use) for column, use in zip(columns, uses, strict=True)]


def _as_remembered(
    columns: list[Column], shape: FileShape, schema: FeatureSchema
) -> tuple[list[str], list[str]]:
    """The uses as a person left a file of these headers, and how each was found; what the model
    asks since then, as found now.
    """
    headers = [column.header for column in columns]
    places = _ranked(headers[: own_columns(headers)])
    then = {places[rank]: name for name, rank in shape.matched.items() if rank is not None}
    grouped = {places[rank] for rank in shape.grouped}
    fields = set(asked(schema))
    uses, how = [], []
    for column in columns:
        name = then.get(column.place, NOT_STORED)
        if name in fields:
            uses.append(name)
            # What the header says outright was never a choice.
            plain = name == column.field and column.how != "likeness"
            how.append(column.how if plain else REMEMBERED)
        elif column.place in grouped and not column.protected:
            uses.append(GROUP)
            how.append(REMEMBERED)
        elif column.field and column.field not in shape.matched:
            uses.append(column.field)
            how.append(column.how)
        else:
            uses.append(NOT_STORED)
            how.append(NOT_STORED)
    return uses, how


# ------------------------------------------------------------------ keeping


def keep(
    batch: Batch,
    uses: Sequence[str],
    active: ActiveModel,
    *,
    names: Mapping[int, str],
    meanings: Meanings,
) -> bool:
    """Keep what a person chose for the model that asks now; False when work has begun meanwhile.

    `uses` are of the shape of `Proposal.uses`, no field twice; `names` are those of the groups, by
    place; `meanings` what was told of the file's words.
    """
    matched = {use: place for place, use in enumerate(uses) if use not in (NOT_STORED, GROUP)}
    grouped = [place for place, use in enumerate(uses) if use == GROUP]
    named = {
        str(place): name
        for place in grouped
        if (name := names[place]) != groups.on_one_line(batch.headers[place])
    }
    chosen: dict[str, Any] = {"matched": matched, "grouped": grouped, "group_names": named}
    chosen |= {"model_version_id": active.id, "answers": meanings}
    with transaction.atomic():
        locked = Batch.objects.select_for_update().filter(pk=batch.pk, state__in=WAITING).first()
        if locked is None:
            return False
        if any(getattr(locked, name) != value for name, value in chosen.items()):
            # What was tried was tried otherwise: it says nothing of these columns.
            chosen["state"] = BatchState.DRAFT
            Batch.objects.filter(pk=locked.pk).update(**chosen)
    batch.refresh_from_db()
    return True


def remember(batch: Batch, schema: FeatureSchema, *, by: User) -> None:
    """Keep how the columns of `batch` were matched, for the next file of the same headers.

    The file of its refused rows, once corrected, has the matched columns alone: it is remembered
    as well.
    """
    own = range(own_columns(batch.headers))
    kept = sorted({*batch.matched.values(), *batch.grouped})
    for places in (own, kept):
        _remember(batch, places, asked(schema), by=by)


def _remember(batch: Batch, places: Sequence[int], fields: Sequence[str], *, by: User) -> None:
    """For files of the columns at `places`. No header is kept but the names of groups: where a file
    has none, they are its first employee's cells.
    """
    headers = [batch.headers[place] for place in places]
    rank_of = {places[at]: rank for rank, at in enumerate(_ranked(headers))}
    FileShape.objects.update_or_create(
        fingerprint=fingerprint(headers),
        defaults={
            "matched": {name: rank_of.get(batch.matched.get(name, -1)) for name in fields},
            "grouped": [rank_of[place] for place in batch.grouped if place in rank_of],
            "group_names": {
                str(rank_of[place]): batch.group_name(place)
                for place in batch.grouped
                if place in rank_of
            },
            "answers": batch.answers,
            "updated_by": by,
            "updated_at": timezone.now(),
        },
    )
