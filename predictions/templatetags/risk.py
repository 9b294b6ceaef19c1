"""How risks are said and drawn: as people count, with the mark of their level."""

from __future__ import annotations

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from mlcore.engine.operating import Band
from predictions import charts

register = template.Library()


@register.filter
def percent(share: float, decimals: int = 0) -> str:
    """A share of 0 to 1 in percent: `23%` in English, `23 %` in French.

    What is neither nothing nor all is not rounded to it: `<1%`, `>99%`.
    """
    rounded = f"{share * 100:.{decimals}f}"
    sign = ""
    if 0 < share < 1 and float(rounded) in (0, 100):
        step = 10**-decimals
        sign = "<" if share < 0.5 else ">"
        rounded = f"{step if share < 0.5 else 100 - step:.{decimals}f}"
    text = number_format(rounded, use_l10n=True)
    space = "\u00a0" if (get_language() or "").startswith("fr") else ""
    return f"{sign}{space if sign else ''}{text}{space}%"


@register.filter
def percent_below(share: float, threshold: float) -> str:
    """A share in percent, with as many decimals as it takes to read as less than `threshold`."""
    decimals = 0
    while decimals < 9 and percent(share, decimals) == percent(threshold, decimals):
        decimals += 1
    return percent(share, decimals)


@register.filter
def of_hundred(share: float) -> int:
    """A share of 0 to 1 as people count: how many of a hundred."""
    return round(share * 100)


@register.filter
def signed(value: float) -> str:
    """A number with its sign, a true minus included, and three decimals."""
    text = number_format(f"{abs(value):.3f}", use_l10n=True)
    return f"{'−' if value < 0 else '+'}{text}"


# What follows marks SVG as safe: it is drawn from numbers and from the names of levels alone.


@register.simple_tag
def band_mark(band: Band) -> SafeString:
    return mark_safe(charts.band_mark(band))  # noqa: S308


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
