"""How risks are said and drawn: as people count, with the mark of their level."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from mlcore.engine.operating import Band
from mlcore.templatetags.figures import band_mark, of_hundred, percent, signed
from predictions import charts

register = template.Library()


for say in (percent, of_hundred, signed):
    register.filter(say)
register.simple_tag(band_mark)


@register.filter
def percent_below(share: float, threshold: float) -> str:
    """A share in percent, with as many decimals as it takes to read as less than `threshold`."""
    decimals = 0
    while decimals < 9 and percent(share, decimals) == percent(threshold, decimals):
        decimals += 1
    return percent(share, decimals)


# What follows marks SVG as safe: it is drawn from numbers and from the names of levels alone.


@register.simple_tag
def people(share: float, kind: str) -> SafeString:
    return mark_safe(charts.people(round(share * 100), kind))  # noqa: S308


@register.simple_tag
def diverging_bar(contribution: float, largest: float) -> SafeString:
    return mark_safe(charts.diverging_bar(contribution, largest))  # noqa: S308


@register.simple_tag
def share_bar(share: float, base_rate: float, band: Band) -> SafeString:
    return mark_safe(charts.share_bar(share, base_rate, band))  # noqa: S308


@register.simple_tag(takes_context=True)
def querystring_without(context: template.RequestContext, name: str) -> str:
    """The address's filters without `name`, ready for another to be added."""
    query = context["request"].GET.copy()
    query.pop(name, None)
    return f"{query.urlencode()}&" if query else ""
