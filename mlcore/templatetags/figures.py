"""How figures are said: shares in percent, people of a hundred, numbers with their sign."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from mlcore.cards import charts
from mlcore.engine.operating import Band
from mlcore.engine.words import number_text

register = template.Library()

_Figure = TypeVar("_Figure", bound=Callable[..., object])


def _figure(say: _Figure) -> _Figure:
    """Registers a filter of numbers. A card made elsewhere may have none where a page expects one:
    the page then shows a dash, for without a figure it is better than not at all."""

    @wraps(say)
    def said(value: object, *options: object) -> object:
        try:
            return say(value, *options)
        except (ArithmeticError, TypeError, ValueError):
            return "–"

    register.filter(say.__name__, said)
    return say


@_figure
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


@_figure
def size(length: int) -> str:
    """Bytes as people and their file managers count them: `64 kB`, `2.5 MB`."""
    kilobytes = length / 1024
    text = _("{size} kB") if kilobytes < 1024 else _("{size} MB")
    figure = kilobytes if kilobytes < 1024 else kilobytes / 1024
    language = get_language() or "en"
    return text.format(size=number_text(round(figure, 1), language))


@_figure
def of_hundred(share: float) -> int:
    """A share of 0 to 1 as people count: how many of a hundred."""
    return round(share * 100)


@_figure
def of_hundred_or_less(share: float) -> str:
    """How many of a hundred, with a decimal where there is less than one or two."""
    people = share * 100
    return number_format(f"{people:.{0 if people >= 1.95 else 1}f}", use_l10n=True)


@_figure
def signed(value: float, decimals: int = 3) -> str:
    """A number with its sign, a true minus included."""
    text = number_format(f"{abs(value):.{decimals}f}", use_l10n=True)
    return f"{'−' if value < 0 else '+'}{text}"


@_figure
def decimal(value: float, decimals: int = 3) -> str:
    """A number with so many decimals."""
    return number_format(f"{value:.{decimals}f}", use_l10n=True, force_grouping=True)


@_figure
def whole(value: float) -> str:
    """A number of people or of rows, rounded, with its thousands apart."""
    return number_format(round(value), use_l10n=True, force_grouping=True)


@_figure
def exact(value: float) -> str:
    """A number with all its digits and no more: `3`, `3.25`, `1,234,567`."""
    return number_text(value, get_language() or "en")


def counted(value: float) -> int:
    """The whole number whose grammatical number goes with `value`: one and a half conversations,
    une conversation et demie. What `ngettext` is to be asked with."""
    alone = abs(value) < 2 if (get_language() or "").startswith("fr") else abs(value) == 1
    return 1 if alone else 2


@register.filter
def short(sha256: str) -> str:
    """The beginning of a hash: enough to tell two models apart."""
    return sha256[:12]


@register.filter
def in_list(form: object) -> list[object]:
    """One form, where a template takes several."""
    return [form]


# What follows marks SVG as safe: it is drawn from numbers and from the names of levels alone.


@register.simple_tag
def band_mark(band: Band) -> SafeString:
    return mark_safe(charts.band_mark(band))  # noqa: S308


@register.simple_tag
def amount_bar(share: float, most: float = 1.0, tick: float | None = None) -> SafeString:
    """A bar from zero; `most` reaches the edge."""
    scale = most or 1.0
    mark = None if tick is None else tick / scale
    return mark_safe(charts.bar(share / scale, tick=mark))  # noqa: S308


@register.simple_tag
def interval_bar(
    share: float, low: float, high: float, most: float = 1.0, tick: float | None = None
) -> SafeString:
    """A bar from zero with its interval; `most` reaches the edge."""
    scale = most or 1.0
    mark = None if tick is None else tick / scale
    return mark_safe(  # noqa: S308
        charts.interval_bar(share / scale, low / scale, high / scale, tick=mark)
    )
