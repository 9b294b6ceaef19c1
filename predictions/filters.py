"""What the history can be searched by: the same for the page and for the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _
from django_filters import (
    CharFilter,
    DateFilter,
    FilterSet,
    ModelChoiceFilter,
    MultipleChoiceFilter,
)
from django_filters.fields import ModelChoiceField, ModelChoiceIterator
from rest_framework.exceptions import ValidationError

from accounts.models import User
from mlcore.engine.values import IDENTIFIER_LENGTH
from predictions.criteria import Criteria
from predictions.models import Prediction, Source
from predictions.models.batch import Batch
from predictions.models.prediction import BandChoice
from predictions.pagination import HistoryPagination

_Rows = QuerySet[Prediction]

# So many of the last files are offered; the others are reached from their own pages.
_FILES_OFFERED = 30


class PeriodForm(forms.Form):
    """The filters' form: a period that ends before it begins is an error, and not an empty page."""

    def clean(self) -> dict[str, Any]:
        first, last = map(self.cleaned_data.get, ("created_from", "created_to"))
        if first and last and last < first:
            message = _("The last day must not be before the first.")
            self.add_error("created_to", forms.ValidationError(message, "out_of_order"))
        return self.cleaned_data


class _LastFiles(ModelChoiceIterator):
    """Read when the page is drawn: the last files, and the one that was asked for."""

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        yield "", str(self.field.empty_label)
        offered = list(self.queryset.finished()[:_FILES_OFFERED])
        if (chosen := self.field.chosen) and chosen not in offered:
            offered.append(chosen)
        for batch in offered:
            yield batch.pk, self.field.label_from_instance(batch)


class _FileField(ModelChoiceField):
    """One of the files with recorded rows; the last ones are offered, any of them is taken."""

    iterator = _LastFiles
    chosen: Batch | None = None

    def clean(self, value: Any) -> Any:
        self.chosen = super().clean(value)
        return self.chosen

    def label_from_instance(self, obj: Any) -> str:
        day = localize(timezone.localdate(obj.finished_at or obj.started_at))
        return f"{obj.name} ({day})"


class _FileFilter(ModelChoiceFilter):
    field_class = _FileField


class PredictionFilter(FilterSet):
    """Each filter narrows; one that cannot be read is an error at its name."""

    employee_id = CharFilter(
        label=_("Employee reference begins with"),
        method="beginning",
        max_length=IDENTIFIER_LENGTH,
    )
    created_from = DateFilter(
        label=_("From"),
        method="since",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )
    created_to = DateFilter(
        label=_("Until"),
        method="until",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )
    band = MultipleChoiceFilter(
        label=_("Level of risk"),
        choices=BandChoice.choices[::-1],  # who needs a conversation first
        distinct=False,
        widget=forms.CheckboxSelectMultiple,
    )
    source = MultipleChoiceFilter(
        label=_("Source"),
        choices=Source.choices,
        distinct=False,
        widget=forms.CheckboxSelectMultiple,
    )
    model_version = CharFilter(label=_("Model"), field_name="model_version__version", max_length=64)
    batch = _FileFilter(
        label=_("File"),
        queryset=Batch.objects.filter(started_at__isnull=False).only(
            "name", "uploaded_at", "started_at", "finished_at", "model_version"
        ),
        empty_label=_("Any"),
    )

    class Meta:
        model = Prediction
        form = PeriodForm
        fields: list[str] = []

    def beginning(self, rows: _Rows, name: str, text: str) -> _Rows:
        return rows.filter(employee_id__begins_with=text)

    # A moment is compared, not its day: that is what the index is sorted by.

    def since(self, rows: _Rows, name: str, day: date) -> _Rows:
        return rows.filter(created_at__gte=_midnight(day))

    def until(self, rows: _Rows, name: str, day: date) -> _Rows:
        return rows.filter(created_at__lt=_midnight(_day_after(day)))

    def criteria(self, user: User) -> Criteria:
        """The same for a search: what a valid form asks for, among what the person may see."""
        wanted = self.form.cleaned_data
        first, last = wanted["created_from"], wanted["created_to"]
        return Criteria(
            requested_by=None if user.has_perm("predictions.view_prediction") else user.pk,
            since=_midnight(first) if first else None,
            before=_midnight(_day_after(last)) if last else None,
            bands=tuple(wanted["band"]),
            sources=tuple(wanted["source"]),
            model=wanted["model_version"] or None,
            batch=wanted.get("batch"),
            **self._reference(wanted["employee_id"]),
        )

    def _reference(self, text: str) -> dict[str, str]:
        return {"beginning": text}


class HistoryFilter(PredictionFilter):
    """The same for a program, which must not take a part for the whole."""

    employee_id = CharFilter(label=_("Employee reference"), max_length=IDENTIFIER_LENGTH)
    batch = None  # type: ignore[assignment]  # files belong to the pages

    def _reference(self, text: str) -> dict[str, str]:
        return {"employee": text}

    def is_valid(self) -> bool:
        """Raises `ValidationError` at what could not be meant, by name.

        A program that misspells a filter, whose variable is empty, or that names two employees
        where one is asked for, must not be given other rows than it believes.
        """
        problems = {
            name: problem.detail
            for name, values in self.data.lists()
            if (problem := self._problem(name, values))
        }
        if problems:
            raise ValidationError(problems)
        return bool(super().is_valid())

    def _problem(self, name: str, values: list[str]) -> ValidationError | None:
        if name not in self.filters and name not in HistoryPagination.parameters:
            return ValidationError(_("There is no such filter."), "unknown_field")
        if not all(value.strip() for value in values):
            return ValidationError(_("Give a value, or leave the filter out."), "blank")
        if len(values) > 1 and not isinstance(self.filters.get(name), MultipleChoiceFilter):
            return ValidationError(_("Give one value only."), "repeated")
        return None


def _day_after(day: date) -> date:
    # The calendar's last days have no tomorrow, in one time zone or another.
    return min(day, date(9999, 12, 29)) + timedelta(1)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(max(day, date(1, 1, 2)), time()))
