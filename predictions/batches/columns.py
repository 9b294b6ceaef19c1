"""What each column of a brought file is read as: as a form, for a person to correct."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from mlcore.engine.features import Choice
from mlcore.engine.ingest.matching import Column
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.words import say
from predictions.batches import answers
from predictions.batches.groups import NAME_LENGTH, on_one_line
from predictions.batches.long_select import LongSelect
from predictions.batches.matching import (
    GROUP,
    MOST_GROUPS,
    NOT_STORED,
    Proposal,
)

LOOK = "look"
"""What a form asks for that is only to be looked at again."""
_BLANK = "@blank"
"""The meaning of a word that says that nothing is known."""

Options = list[tuple[str, str]]
Choices = list[tuple[str, str] | tuple[str, Options]]


class ColumnsForm(forms.Form):
    """What each column of a file is read as, for a person to correct.

    Fields carry the column's place in the file. After `is_valid()`, `uses`, `names` and `meanings`
    are what `matching.keep` takes.
    """

    def __init__(
        self,
        proposal: Proposal,
        schema: FeatureSchema,
        language: str,
        unknown: Callable[[Mapping[str, int]], Mapping[str, Mapping[str, int]]] = lambda _: {},
        **kwargs: Any,
    ) -> None:
        """`unknown` gives, by field, the words that are none of its choices, and how often each was
        seen, where the fields are matched to columns so.
        """
        super().__init__(**kwargs)
        self.proposal = proposal
        self.schema = schema
        self.language = language
        common = self._choices()
        names = zip(proposal.columns, proposal.uses, proposal.names, strict=True)
        for column, use, name in names:
            label = _("“{column}” is read as").format(column=column.header)
            self.fields[_name(column.place)] = forms.ChoiceField(
                label=label,
                required=False,
                choices=self._choices_of(column, use, common),
                initial=use,
                widget=LongSelect(attrs={"aria-label": label}),
            )
            if column.groupable or use == GROUP:
                self.fields[_group(column.place)] = forms.CharField(
                    label=_("Kept under the name"),
                    required=False,
                    initial=name,
                    max_length=max(NAME_LENGTH, len(column.header)),
                    widget=forms.TextInput(attrs={"list": "group-names", "autocomplete": "off"}),
                )
        self._words: dict[str, dict[str, int]] = {}
        self._more: dict[str, int] = {}
        found = unknown(self.matched)
        for name in self.matched:
            self._ask_about(name, found.get(name, {}))

    def _ask_about(self, name: str, seen: Mapping[str, int]) -> None:
        """Fields for what a field's unknown words mean: those seen most often, and those of which
        an earlier file told.
        """
        told = {answers.key(text): text for text in self.proposal.meanings.get(name, {})}
        most = sorted(seen, key=lambda text: (answers.key(text) not in told, -seen[text]))
        words = {text: seen[text] for text in most[: answers.MOST]}
        keys = {answers.key(text) for text in words}
        words |= {text: 0 for of, text in told.items() if of not in keys}
        self._words[name], self._more[name] = words, max(len(seen) - answers.MOST, 0)
        meant = {answers.key(t): v for t, v in self.proposal.meanings.get(name, {}).items()}
        choices = [
            ("", _("not told: these rows are refused")),
            *((str(c.value), say(c.label, self.language)) for c in self._choices_of_field(name)),
            (_BLANK, _("Not known")),
        ]
        for text in words:
            value = meant.get(answers.key(text))
            self.fields[_meaning(name, text)] = forms.ChoiceField(
                label=_("“{word}” means").format(word=text),
                required=False,
                choices=choices,
                initial="" if value is None else value or _BLANK,
            )

    def _choices_of_field(self, name: str) -> Sequence[Choice]:
        feature = self.schema.by_name.get(name)
        return feature.choices if feature else ()

    @property
    def meanings(self) -> dict[str, dict[str, str]]:
        """What was told of the file's words, as the form stands; as `Batch.answers` keeps it."""
        told: dict[str, dict[str, str]] = {}
        for name, words in self._words.items():
            allowed = {str(choice.value) for choice in self._choices_of_field(name)}
            for text in words:
                value = str(self[_meaning(name, text)].value() or "")
                if value == _BLANK or value in allowed:
                    told.setdefault(name, {})[text] = "" if value == _BLANK else value
        return told

    # ------------------------------------------------------------------ the choices

    @cached_property
    def labels(self) -> dict[str, str]:
        """What each field is called."""
        return {EMPLOYEE_ID: _("Employee reference")} | {
            feature.name: say(feature.label, self.language, feature.name)
            for feature in self.schema.everything
        }

    def _choices(self) -> Choices:
        schema, labels = self.schema, self.labels
        sections: dict[str, Options] = {section.name: [] for section in schema.sections}
        for feature in schema.features:
            sections.setdefault(feature.section, []).append((feature.name, labels[feature.name]))
        titles = {section.name: say(section.label, self.language) for section in schema.sections}
        choices: Choices = [(EMPLOYEE_ID, labels[EMPLOYEE_ID])]
        choices += [
            (titles.get(name) or _("Asked by the model"), options)
            for name, options in sections.items()
            if options
        ]
        if schema.audit:
            audit = [(feature.name, labels[feature.name]) for feature in schema.audit]
            choices.append((_("For fairness checks only"), audit))
        return choices

    def _choices_of(self, column: Column, use: str, common: Choices) -> Choices:
        first: Choices = [(NOT_STORED, pgettext("use of a column", "Not stored"))]
        if column.groupable or use == GROUP:
            first.append((GROUP, _("Kept to compare groups")))
        return first + common

    # ------------------------------------------------------------------ what the form says

    def name_of(self, place: int) -> str:
        """What the column at a place is called as a group, as the form stands."""
        name = self[_group(place)].value() if _group(place) in self.fields else ""
        return on_one_line(str(name or "")) or on_one_line(self.proposal.columns[place].header)

    def use_field(self, place: int) -> BoundField:
        """What the column at a place is read as."""
        return self[_name(place)]

    def name_field(self, place: int) -> BoundField | None:
        """What the column at a place is called as a group; None for what can be none."""
        return self[_group(place)] if _group(place) in self.fields else None

    def words_of(self, use: str, place: int) -> list[tuple[str, int, BoundField]]:
        """The unknown words of the column at a place, how often each was seen, and the field for
        what it means; of two columns that claim one field, those of the first.
        """
        words = self._words.get(use, {}).items()
        if not words or self.matched[use] != place:
            return []
        return [(text, seen, self[_meaning(use, text)]) for text, seen in words]

    def more_words(self, use: str) -> int:
        """How many unknown words there are beyond those that a person is asked about."""
        return self._more.get(use, 0)

    @property
    def chosen(self) -> list[str]:
        """The use of each column as the form stands, whether or not it can be kept."""
        columns = self.proposal.columns
        return [str(self[_name(column.place)].value() or NOT_STORED) for column in columns]

    @property
    def matched(self) -> dict[str, int]:
        """By field, the place of its column, as the form stands; where two claim it, the first."""
        matched: dict[str, int] = {}
        for column, use in zip(self.proposal.columns, self.chosen, strict=True):
            if use in self.labels:
                matched.setdefault(use, column.place)
        return matched

    @property
    def grouped(self) -> list[int]:
        """The places of the columns that are kept to compare groups, as the form stands."""
        return [
            column.place
            for column, use in zip(self.proposal.columns, self.chosen, strict=True)
            if use == GROUP
        ]

    @property
    def found(self) -> int:
        """How many of the model's questions a column answers."""
        used = set(self.chosen)
        return sum(feature.name in used for feature in self.schema.features)

    @property
    def missing(self) -> list[str]:
        """What the model asks and no column answers."""
        used = set(self.chosen)
        features = self.schema.features
        return [self.labels[feature.name] for feature in features if feature.name not in used]

    @property
    def knows_little(self) -> bool:
        """Whether less than half of what the model asks is answered."""
        return 2 * self.found < len(self.schema.features)

    @property
    def compared(self) -> list[str]:
        """The names of the columns that are kept to compare groups."""
        return [self.name_of(place) for place in self.grouped]

    @property
    def has_reference(self) -> bool:
        return EMPLOYEE_ID in self.chosen

    @property
    def not_stored(self) -> int:
        """How many columns are left behind."""
        return self.chosen.count(NOT_STORED)

    def problems(self) -> Iterator[tuple[BoundField, str, str]]:
        """Each field with its column's header and its first error, in the order of the page."""
        for column in self.proposal.columns:
            for name in (_name(column.place), _group(column.place)):
                if name in self.fields and self[name].errors:
                    yield self[name], column.header, str(self[name].errors[0])

    # ------------------------------------------------------------------ what was chosen

    def clean(self) -> dict[str, Any]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for column in self.proposal.columns:
            if use := self.cleaned_data.get(_name(column.place)):
                places[use].append(column.place)
        groups = places.pop(GROUP, [])
        if len(groups) > MOST_GROUPS:
            self._refuse(
                groups,
                ngettext(
                    "At most {most} column can be kept to compare groups: choose which.",
                    "At most {most} columns can be kept to compare groups: choose which.",
                    MOST_GROUPS,
                ).format(most=MOST_GROUPS),
            )
        called: defaultdict[str, list[int]] = defaultdict(list)
        for place in groups:
            called[self.name_of(place)].append(place)
        for name, found in called.items():
            for place in found if len(found) > 1 else ():
                # A column that turned a group just now has no field for its name yet.
                field = _group(place) if _group(place) in self.fields else _name(place)
                told = _("{columns} cannot both be kept as “{name}”: give one another name.")
                self.add_error(field, told.format(columns=self._list(found), name=name))
        for name, words in self._words.items() if self.data.get("action") != LOOK else ():
            unseen = any(
                seen and _meaning(name, text) not in self.data for text, seen in words.items()
            )
            if unseen and name in places:
                # It was read as something else when the page was drawn: nobody was asked yet.
                self._refuse(
                    places[name],
                    _("Some of its words are not known as “{field}”: say what each means.").format(
                        field=self.labels[name]
                    ),
                )
        for name, found in places.items():
            if len(found) > 1:
                self._refuse(
                    found,
                    _("{columns} are read as “{field}” at once. Keep one of them.").format(
                        columns=self._list(found), field=self.labels[name]
                    ),
                )
        if not places.keys() & {feature.name for feature in self.schema.features}:
            self.add_error(
                None,
                _(
                    "No column answers any of the model’s questions, so nobody could be assessed."
                    " Choose below what the columns are, or bring another file."
                ),
            )
        return self.cleaned_data

    def _refuse(self, places: Iterable[int], sentence: str) -> None:
        for place in places:
            self.add_error(_name(place), sentence)

    def _list(self, places: Sequence[int]) -> str:
        headers = {column.place: column.header for column in self.proposal.columns}
        names = [_("“{name}”").format(name=headers[place]) for place in places]
        last = names.pop()
        return _("{names} and {last}").format(names=", ".join(names), last=last)

    @property
    def uses(self) -> list[str]:
        """By place, as `matching.keep` takes them."""
        return [self.cleaned_data[_name(column.place)] for column in self.proposal.columns]

    @property
    def names(self) -> dict[int, str]:
        """By place, what each group is called."""
        return {place: self.name_of(place) for place in self.grouped}


def _name(place: int) -> str:
    return f"column-{place}"


def _group(place: int) -> str:
    return f"name-{place}"


def _meaning(name: str, text: str) -> str:
    return f"means-{name}-{answers.digest(text)}"
