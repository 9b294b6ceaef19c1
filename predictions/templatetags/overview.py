"""The dashboard's bars. They are marked as safe: drawn from numbers and names of levels alone."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from mlcore.engine.operating import Band
from predictions.overview import charts

register = template.Library()


@register.simple_tag
def level_bar(share: float, most: float, band: Band) -> SafeString:
    return mark_safe(charts.level_bar(share, most, band))  # noqa: S308


@register.simple_tag
def push_bar(down: float, up: float, largest: float) -> SafeString:
    return mark_safe(charts.push_bar(down, up, largest))  # noqa: S308
