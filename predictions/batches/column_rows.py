"""The columns of a brought file as their page shows them, one row each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from mlcore.engine.ingest.matching import Column
from predictions.batches.columns import ColumnsForm
from predictions.batches.first_rows import FirstRows, Unreadable
from predictions.batches.groups import on_one_line
from predictions.batches.matching import (
    CHOSEN,
    DEPARTMENTS,
    GROUP,
    NOT_STORED,
    PLACES,
    REMEMBERED,
    own_columns,
)

_HOW = {
    "header": pgettext_lazy("how a column was recognised", "Recognised by its name"),
    "name": pgettext_lazy("how a column was recognised", "Recognised by its name"),
    "label": pgettext_lazy("how a column was recognised", "Recognised by its name"),
    "likeness": pgettext_lazy("how a column was recognised", "Looks like it: check it"),
    REMEMBERED: pgettext_lazy("how a column was recognised", "As in the last file like this one"),
    CHOSEN: pgettext_lazy("how a column was recognised", "Your choice"),
    DEPARTMENTS: pgettext_lazy("how a column was recognised", "Proposed: to compare departments"),
    PLACES: pgettext_lazy("how a column was recognised", "Proposed: to compare sites"),
}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the file that is none of a field's choices."""

    text: str
    seen: int
    """How many of the rows that were looked at say it; 0 for one that an earlier file had."""
    meaning: BoundField


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnRow:
    """One column of the file, as the page shows it."""

    column: Column
    field: BoundField
    samples: list[str]
    how: str
    likely: bool
    """Whether a person should look: it was recognised by likeness alone."""
    note: str
    sign: str
    """What a person should know of the sign beside the numbers, if anything."""
    unreadable: Unreadable | None
    name: BoundField | None
    """What it is called as a group; None for what can be none."""
    is_group: bool
    as_before: bool
    """Whether that is how earlier files call the same, and not its header."""
    words: list[Word]
    """Those that the field it is read as does not know."""
    more_words: int
    """Beyond those that a person is asked about."""
    dropped: bool
    """Whether reading the whole file showed that it has too many values to be kept."""


def rows_of(
    form: ColumnsForm, first: FirstRows, dropped: Collection[int] = ()
) -> Iterator[ColumnRow]:
    """Every column of the file, in its order; `dropped` are places of groups that a try found to
    have too many values.
    """
    proposal = form.proposal
    own = own_columns([column.header for column in proposal.columns])
    for column, use, how in zip(proposal.columns, proposal.uses, proposal.how, strict=True):
        field, name = form.use_field(column.place), form.name_of(column.place)
        now = str(field.value() or NOT_STORED)
        told = how if now == use else CHOSEN if now else NOT_STORED
        added = column.place >= own
        yield ColumnRow(
            column=column,
            field=field,
            samples=list(column.samples),
            how=str(_HOW.get(told, "")),
            likely=told == "likeness",
            note=_("Written by the download: nobody needs it.")
            if added and not now
            else _note(form, column, now),
            sign=_sign(form, now, first),
            unreadable=first.unreadable.get(now) if now else None,
            name=form.name_field(column.place),
            is_group=now == GROUP,
            as_before=name in proposal.known and name != on_one_line(column.header),
            words=[Word(*word) for word in form.words_of(now, column.place)],
            more_words=form.more_words(now),
            dropped=now == GROUP and column.place in dropped,
        )


def _sign(form: ColumnsForm, use: str, first: FirstRows) -> str:
    """That the numbers carry another sign than the model counts in."""
    if use not in first.signs:
        return ""
    return _(
        "The file says {sign}; the model learned from {unit}: the numbers are taken as they are."
    ).format(sign=first.signs[use], unit=form.schema.by_name[use].units(form.language))


def _note(form: ColumnsForm, column: Column, use: str) -> str:
    if use == NOT_STORED and column.groupable:
        return _("Could be kept to compare groups.")
    if use == NOT_STORED and column.too_varied:
        return _("{n} different values in the first rows: too many to compare groups.").format(
            n=column.too_varied
        )
    if use in {feature.name for feature in form.schema.audit}:
        return _("For fairness checks only: no risk is computed from it.")
    if use == GROUP:
        return _("Stored with each assessment; the model ignores it.")
    return ""
