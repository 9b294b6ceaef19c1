"""Pictures of a change: what a risk was, and what it would be said to be."""

from __future__ import annotations

from typing import cast

from django import template
from django.utils.safestring import SafeString, mark_safe

from mlcore.engine.operating import Band
from predictions import charts
from predictions.models import Prediction
from predictions.what_if import Change, Together, Trial

register = template.Library()


@register.simple_tag
def change_bar(
    prediction: Prediction, changed: Change | Together | Trial | None = None
) -> SafeString:
    """The bar of a change, or of the prediction itself."""
    after = changed.probability if changed else prediction.probability
    band = changed.band if changed else cast(Band, prediction.band)
    # Drawn from numbers and from the name of a level alone.
    return mark_safe(  # noqa: S308
        charts.change_bar(prediction.probability, after, prediction.base_rate, band)
    )
