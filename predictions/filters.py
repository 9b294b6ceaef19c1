"""What the history can be searched by: the same for the page and for the API."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import (
    CharFilter,
    DateFilter,
    FilterSet,
    MultipleChoiceFilter,
)
from rest_framework.exceptions import ValidationError

from mlcore.engine.values import IDENTIFIER_LENGTH
from predictions.models import Prediction, Source
from predictions.models.prediction import BandChoice
from predictions.pagination import HistoryPagination

_Rows = QuerySet[Prediction]


class PredictionFilter(FilterSet):
    """Each filter narrows; one that cannot be read is an error at its name."""

    employee_id = CharFilter(
        label=_("Employee reference, or its beginning"),
        lookup_expr="startswith",
        max_length=IDENTIFIER_LENGTH,
    )
    band = MultipleChoiceFilter(
        label=_("Level of risk"),
        choices=BandChoice.choices,
        distinct=False,
        widget=forms.CheckboxSelectMultiple,
    )
    source = MultipleChoiceFilter(
        label=_("Source"),
        choices=Source.choices,
        distinct=False,
        widget=forms.CheckboxSelectMultiple,
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
    model_version = CharFilter(label=_("Model"), field_name="model_version__version", max_length=64)

    class Meta:
        model = Prediction
        fields: list[str] = []

    # A moment is compared, not its day: that is what the index is sorted by.

    def since(self, rows: _Rows, name: str, day: date) -> _Rows:
        return rows.filter(created_at__gte=_midnight(day))

    def until(self, rows: _Rows, name: str, day: date) -> _Rows:
        # The calendar's last days have no tomorrow, in one time zone or another.
        return rows.filter(created_at__lt=_midnight(min(day, date(9999, 12, 29)) + timedelta(1)))


class HistoryFilter(PredictionFilter):
    """The same for a program, which must not take a part for the whole."""

    employee_id = CharFilter(label=_("Employee reference"), max_length=IDENTIFIER_LENGTH)

    def is_valid(self) -> bool:
        """Raises `ValidationError` at a name that is no filter, and at a filter without a value.

        A program that misspells a filter, or whose variable is empty, must not be given all rows.
        """
        known = {*self.filters, *HistoryPagination.parameters}
        unknown = ValidationError(_("There is no such filter."), "unknown_field")
        blank = ValidationError(_("Give a value, or leave the filter out."), "blank")
        problems = {
            name: blank.detail if name in known else unknown.detail
            for name, value in self.data.items()
            if name not in known or not value.strip()
        }
        if problems:
            raise ValidationError(problems)
        return bool(super().is_valid())


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(max(day, date(1, 1, 2)), time()))
