"""What the history can be searched by: the same for the page and for the API."""

from __future__ import annotations

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import (
    CharFilter,
    DateFilter,
    FilterSet,
    MultipleChoiceFilter,
)

from mlcore.engine.values import IDENTIFIER_LENGTH
from predictions.models import Prediction, Source
from predictions.models.prediction import BandChoice


class PredictionFilter(FilterSet):
    """Each filter narrows; one that cannot be read is an error at its name."""

    employee_id = CharFilter(
        label=_("Employee reference, or its beginning"),
        lookup_expr="startswith",
        max_length=IDENTIFIER_LENGTH,
    )
    band = MultipleChoiceFilter(label=_("Level of risk"), choices=BandChoice.choices)
    source = MultipleChoiceFilter(label=_("Source"), choices=Source.choices)
    created_from = DateFilter(
        label=_("From"),
        field_name="created_at",
        lookup_expr="date__gte",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )
    created_to = DateFilter(
        label=_("Until"),
        field_name="created_at",
        lookup_expr="date__lte",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
    )
    model_version = CharFilter(label=_("Model"), field_name="model_version__version", max_length=64)

    class Meta:
        model = Prediction
        fields: list[str] = []

    @property
    def qs(self) -> QuerySet[Prediction]:
        return super().qs
