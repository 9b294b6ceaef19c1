"""What the page of a file's results says: the answer, the levels, the list and how it is narrowed.

Everything but the fifty people of a page comes from the ranking, whatever the file's size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import cast

import numpy as np
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from mlcore import registry
from mlcore.engine.operating import BANDS, Band
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import Value
from mlcore.engine.words import say
from mlcore.models import ModelVersion
from predictions.batches import corrections, ranking, together
from predictions.batches.filters import HIGHEST_FIRST, SORTS, Filters
from predictions.batches.ranking import ANSWER, GROUP, Positions, Ranking, value_text
from predictions.batches.result_parts import (
    Chip,
    Comparison,
    Facet,
    Level,
    Option,
    Order,
    Person,
)
from predictions.batches.together import file_and_line, row_of
from predictions.explanation import meaning_sentence, meanings_in_words, strongest
from predictions.filters import PredictionFilter
from predictions.models import Batch
from predictions.models.prediction import BandChoice, PredictionQuerySet
from predictions.small_groups import Group, ShownGroup, shown

_ELEVATED: tuple[Band, ...] = ("high", "very_high")
_MOST_FOUND = 1_000  # people by the beginning of a reference
_MOST_COMPARED = 30  # groups in one picture
_MOST_OPTIONS = 50  # values of one dimension to choose from
_REASONS = 2


class Results:
    """The results of one file, as one address asks for them, in one language."""

    def __init__(
        self,
        batch: Batch,
        filters: Filters,
        predictions: PredictionQuerySet,
        language: str,
    ) -> None:
        """`predictions` are those that the reader may see; `batch` must have a ranking."""
        self.batch, self.filters, self.language = batch, filters, language
        self.again = corrections.of(batch)
        """The files that brought its refused rows again; those that are listed are in the list."""
        self.files = corrections.files(batch, self.again)
        self.ranking: Ranking = together.of(self.files)
        self.schema: FeatureSchema = registry.schema_of(cast(ModelVersion, batch.model_version))
        self.predictions = predictions.filter(batch__in=self.files)
        self._visible = predictions
        self._place = {file.pk: place for place, file in enumerate(self.files)}

    # -------------------------------------------------------------- the answer

    @property
    def people(self) -> int:
        return self.ranking.totals.people

    @property
    def refused(self) -> int:
        return self.ranking.totals.refused

    @property
    def left(self) -> int:
        """How many of the refused rows nobody was assessed of yet."""
        return corrections.left(self.refused, self.again)

    @property
    def very_high(self) -> int:
        return self.ranking.totals.by_band["very_high"]

    @property
    def high(self) -> int:
        return self.ranking.totals.by_band["high"]

    @cached_property
    def mean_risk(self) -> float:
        """Of all, 0 to 1; NaN where there is nobody."""
        return self.ranking.mean_probability

    @cached_property
    def before(self) -> Batch | None:
        """The last file before this one that is not far smaller; none for a correction."""
        batch = self.batch
        if batch.corrects_id is not None or batch.finished_at is None:
            return None
        earlier = Batch.objects.workforce(self.people)
        return earlier.filter(finished_at__lt=batch.finished_at).first()

    @cached_property
    def levels(self) -> list[Level]:
        """The highest first."""
        now = self.ranking.totals
        earlier = ranking.totals([self.before]).get(self.before.pk) if self.before else None
        if self.before and earlier:
            earlier = corrections.together(earlier, corrections.of(self.before))
        bounds = (0.0, self.batch.moderate_from, self.batch.threshold, self.batch.very_high_from)
        begins = dict(zip(BANDS, bounds, strict=True))
        return [
            Level(
                band=band,
                label=str(BandChoice(band).label),
                people=now.by_band[band],
                share=now.share(band),
                begins=begins[band] or 0.0,
                before=earlier.share(band) if earlier and earlier.people else None,
            )
            for band in HIGHEST_FIRST
        ]

    @cached_property
    def base_rate(self) -> float:
        """The share that left among everyone the model learned from, as the record holds it."""
        first = self.recorded(self.ranking.rows(np.arange(1)))
        return first.values_list("base_rate", flat=True).get()

    @property
    def longest_bar(self) -> float:
        """The longest bar of the picture, or the furthest line."""
        shares = [share for level in self.levels for share in (level.share, level.before or 0.0)]
        return max([*shares, self.mean_risk, self.base_rate])

    # -------------------------------------------------------------- the list

    def recorded(self, rows: Sequence[int]) -> PredictionQuerySet:
        """The predictions of some rows of the ranking, in no order."""
        lines: defaultdict[int, list[int]] = defaultdict(list)
        for row in rows:
            file, line = file_and_line(row)
            lines[file].append(line)
        wanted = Q(pk__in=())
        for file, found in lines.items():
            wanted |= Q(batch=self.files[file], row__in=found)
        return self._visible.filter(wanted)

    def row_of(self, batch_id: int | None, line: int | None) -> int:
        """The row of the ranking that a prediction is of."""
        return row_of(self._place[batch_id or 0], line or 0)

    @cached_property
    def _found(self) -> list[int] | None:
        """The rows of the references that begin as was typed; None where nothing was."""
        if not self.filters.employee:
            return None
        search = PredictionFilter({"employee_id": self.filters.employee}, self.predictions)
        if not search.is_valid():
            return []
        found = search.qs.order_by().values_list("batch", "row")[: _MOST_FOUND + 1]
        return [self.row_of(file, line) for file, line in found]

    @property
    def too_many_found(self) -> bool:
        """Whether more references begin like this than are looked for."""
        return len(self._found or ()) > _MOST_FOUND

    @cached_property
    def positions(self) -> Positions:
        """Everyone whom the filters leave, in the order that was asked for."""
        chosen = self.ranking.select(self.filters.bands, self.filters.where)
        if self._found is not None:
            found = self.ranking.positions_of(self._found[:_MOST_FOUND])
            chosen = np.intersect1d(chosen, found, assume_unique=True)
        if self.filters.sort == "line":
            return self.ranking.by_line(chosen)
        return chosen[::-1] if self.filters.sort == "lowest" else chosen

    def page(self, positions: Positions) -> list[Person]:
        """The people at these places, in this order."""
        rows = self.ranking.rows(positions)
        found = self.recorded(rows).defer("audit_attributes")
        by_row = {self.row_of(one.batch_id, one.row): one for one in found}
        people = [by_row[row] for row in rows if row in by_row]
        others = {file.batch.pk: file.batch for file in self.again}
        return [
            Person(
                prediction=prediction,
                reasons=strongest(
                    prediction.inputs,
                    prediction.contributions,
                    schema=self.schema,
                    language=self.language,
                    count=_REASONS,
                ),
                groups=[(h, prediction.groups.get(h, "")) for h in self.group_headers],
                file=others.get(prediction.batch_id or 0),
            )
            for prediction in people
        ]

    @cached_property
    def group_headers(self) -> list[str]:
        return [key.removeprefix(GROUP) for key in self.ranking.values if key.startswith(GROUP)]

    # -------------------------------------------------------------- the filters

    @property
    def band_options(self) -> list[Option]:
        counts = self.ranking.by_band(self.filters.where)
        return [
            Option(
                value=band,
                label=str(BandChoice(band).label),
                people=counts[band],
                chosen=band in self.filters.bands,
            )
            for band in HIGHEST_FIRST
        ]

    @cached_property
    def group_facets(self) -> list[Facet]:
        return [self._facet(ranking.group_key(header)) for header in self.group_headers]

    @cached_property
    def answer_facets(self) -> list[Facet]:
        """In the order in which the model asks."""
        return [
            self._facet(key)
            for feature in self.schema.features
            if (key := ranking.answer_key(feature.name)) in self.ranking.values
        ]

    @cached_property
    def _tables(self) -> Mapping[str, list[list[int]]]:
        """People by value and level, of each dimension, whatever is chosen of itself."""
        return self.ranking.tables(self.filters.where)

    def _facet(self, key: str) -> Facet:
        chosen = self.filters.where.get(key, ())
        counts = self._tables[key]
        places = [BANDS.index(band) for band in self.filters.bands or BANDS]
        options = [
            Option(
                value=value_text(value),
                label=self.value_label(key, value),
                people=sum(by_band[place] for place in places),
                chosen=value_text(value) in chosen,
            )
            for value, by_band in zip(self.ranking.values[key], counts, strict=True)
        ]
        found = [option for option in options if option.people or option.chosen]
        by_size = sorted(found, key=lambda option: (not option.chosen, -option.people))
        listed = {option.value for option in by_size[:_MOST_OPTIONS]}
        return Facet(
            key=key,
            label=self.label(key),
            options=[option for option in found if option.value in listed],
            more=len(found) - len(listed),
        )

    @property
    def chips(self) -> list[Chip]:
        """The answers and groups that are filtered by."""
        return [
            Chip(
                label=self.label(key),
                value=self._label_of_text(key, text),
                address=self.filters.address(without=(key, text)),
            )
            for key, texts in self.filters.where.items()
            for text in texts
        ]

    @property
    def chosen_words(self) -> list[str]:
        """Everything that leaves somebody out, in words."""
        bands = ", ".join(str(BandChoice(band).label) for band in self.filters.bands)
        chosen = [(chip.label, chip.value) for chip in self.chips]
        chosen += [(_("Level of risk"), bands)] if bands else []
        if self.filters.employee:
            chosen.append((_("Employee reference begins with"), self.filters.employee))
        return [_("{label}: {value}").format(label=label, value=value) for label, value in chosen]

    @property
    def told_words(self) -> list[str]:
        """What a person said that words of these files mean."""
        told = [
            one
            for file in self.files
            for one in meanings_in_words(file.answers, self.schema, self.language)
        ]
        return [meaning_sentence(*one) for one in dict.fromkeys(told)]

    def label(self, key: str) -> str:
        """What a dimension is called: a group as the file calls it."""
        name = key.removeprefix(ANSWER)
        if key.startswith(ANSWER) and (feature := self.schema.by_name.get(name)):
            return say(feature.label, self.language, name)
        return key[len(GROUP) :]

    def value_label(self, key: str, value: Value) -> str:
        """A value in words."""
        if value is None:
            return _("Not known")
        if key.startswith(GROUP):
            return str(value) or pgettext("group", "Not given")
        return self.schema.by_name[key.removeprefix(ANSWER)].value_text(value, self.language)

    def _label_of_text(self, key: str, text: str) -> str:
        for value in self.ranking.values.get(key, ()):
            if value_text(value) == text:
                return self.value_label(key, value)
        return text

    # -------------------------------------------------------------- the groups

    @cached_property
    def comparison(self) -> Comparison | None:
        """People by the dimension that was chosen, else by the first there is, whatever the level.

        None where the file has no dimension.
        """
        keys = list(self.ranking.values)
        if not keys:
            return None
        first = next((key for key in keys if key.startswith(GROUP)), keys[0])
        key = self.filters.by if self.filters.by in self.ranking.values else first
        table = self._tables[key]
        elevated = [BANDS.index(band) for band in _ELEVATED]
        wanted = self.filters.where.get(key)
        everyone = [
            Group(value, sum(by_band), sum(by_band[place] for place in elevated))
            for value, by_band in zip(self.ranking.values[key], table, strict=True)
            if any(by_band) and not (wanted and value_text(value) not in wanted)
        ]
        visible = shown(everyone)
        groups = [
            ShownGroup(
                label=self.value_label(key, group.value),
                group=group,
                rounded=visible.rounded,
                address=self.filters.address(only=(key, value_text(group.value))),
            )
            for group in visible.groups
        ]
        groups.sort(key=lambda one: (-one.share, -one.group.people))
        people = sum(group.people for group in everyone)
        return Comparison(
            key=key,
            label=self.label(key),
            groups=groups[:_MOST_COMPARED],
            hidden=visible.hidden,
            rounded=visible.rounded,
            more=max(len(groups) - _MOST_COMPARED, 0),
            share=sum(group.high for group in everyone) / people if people else 0.0,
        )

    @property
    def orders(self) -> list[Order]:
        words = {
            "": _("highest risk first"),
            "lowest": _("lowest risk first"),
            "line": _("as in the file"),
        }
        return [
            Order(
                label=words[sort],
                address=self.filters.address(sort=sort),
                chosen=sort == self.filters.sort,
            )
            for sort in SORTS
        ]

    @property
    def dimensions(self) -> list[tuple[str, str]]:
        """What can be compared: the groups, then the answers in the order of the model."""
        keys = [ranking.group_key(header) for header in self.group_headers]
        return [(key, self.label(key)) for key in [*keys, *(f.key for f in self.answer_facets)]]
