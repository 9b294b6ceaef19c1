"""What is stored of a column: how its values are spread, and the groups that they make."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcore.engine.features import Feature
from mlcore.engine.values import Value
from mlcore.engine.words import Words, number_text

MOST_BARS = 24  # of a histogram
MOST_BANDS = 5  # that a number is cut into
NOT_GIVEN: Words = {"en": "Not given", "fr": "Non renseigné"}


def density(feature: Feature, column: Sequence[Value]) -> dict[str, Any]:
    """How many people have each answer, or lie between each two `edges` of a number.

    `blank` counts those of whom nothing is known. The last bar of a number holds both its edges.
    """
    blank = sum(value is None for value in column)
    if feature.choices:
        counts = Counter(column)
        answers = [[choice.value, counts[choice.value]] for choice in feature.choices]
        return {"answers": answers, "blank": blank}
    known = _numbers(column)
    if not len(known):
        return {"edges": [], "counts": [], "blank": blank}
    low, high = float(known.min()), float(known.max())
    if feature.integer:
        # Whole numbers, so that no bar holds more of them than its neighbour.
        width = math.ceil((high - low + 1) / MOST_BARS)
        edges = [low + width * bar for bar in range(math.ceil((high - low + 1) / width) + 1)]
    else:
        edges = _edges(low, high)
    counts_of, _ = np.histogram(known, edges)
    return {"edges": edges, "counts": counts_of.tolist(), "blank": blank}


def _edges(low: float, high: float) -> list[float]:
    """`MOST_BARS` bars of equal width from `low` to `high`, but for the digits that are cut off."""
    width = (high - low) / MOST_BARS
    if not width:
        return [low, max(low + 1, math.nextafter(low, math.inf))]
    inner = np.linspace(low, high, MOST_BARS + 1)[1:-1]
    if (digits := 3 - math.floor(math.log10(width))) < 300:
        inner = np.round(inner, digits)
    return [low, *(float(edge) for edge in np.unique(inner) if low < edge < high), high]


@dataclass(frozen=True, slots=True)
class Group:
    """People who are alike in one attribute."""

    value: str | int | None
    label: Words
    rows: list[int]


def groups(feature: Feature, column: Sequence[Value]) -> list[Group]:
    """The groups that an attribute makes, in its own order, blanks last; nobody is in two."""
    if feature.choices:
        rows: dict[Value, list[int]] = {choice.value: [] for choice in feature.choices}
        for row, value in enumerate(column):
            if value is not None:
                rows[value].append(row)
        found = [Group(c.value, c.label, rows[c.value]) for c in feature.choices if rows[c.value]]
    else:
        found = _bands(feature, column)
    if blank := [row for row, value in enumerate(column) if value is None]:
        found.append(Group(None, NOT_GIVEN, blank))
    return found


def _bands(feature: Feature, column: Sequence[Value]) -> list[Group]:
    """A number cut at round values, as people cut ages: under 30, 30–39, 40–49, 50 and over."""
    known = _numbers(column)
    if not len(known):
        return []
    low, high = map(float, np.quantile(known, [0.05, 0.95]))
    cuts = _round_cuts(low, high, smallest_step=1 if feature.integer else 0)
    rows: list[list[int]] = [[] for _ in range(len(cuts) + 1)]
    for row, value in enumerate(column):
        if isinstance(value, (int, float)):
            rows[sum(cut <= value for cut in cuts)].append(row)
    ends = [-math.inf, *cuts, math.inf]
    return [
        Group(*_band_words(low, high, whole=feature.integer), members)
        for low, high, members in zip(ends, ends[1:], rows, strict=False)
        if members
    ]


def _round_cuts(low: float, high: float, *, smallest_step: float) -> list[float]:
    """The multiples of 1, 2 or 5 × 10ⁿ above `low` and up to `high`: as many as may be."""
    if not (high - low) / MOST_BANDS:
        return []
    power = math.floor(math.log10((high - low) / MOST_BANDS))
    steps = (digit * 10.0**each for each in (power, power + 1) for digit in (1, 2, 5))
    for step in steps:
        first, last = math.floor(low / step) + 1, math.floor(high / step)
        if step >= smallest_step and last - first + 1 < MOST_BANDS:
            return [float(f"{step * each:.12g}") for each in range(first, last + 1)]
    return []


def _band_words(low: float, high: float, *, whole: bool) -> tuple[str, Words]:
    def text(number: float, language: str) -> str:
        return number_text(number, language)

    if math.isinf(low) and math.isinf(high):
        return "all", {"en": "All", "fr": "Tous"}
    if math.isinf(low):
        return f"<{high:g}", {
            "en": f"Under {text(high, 'en')}",
            "fr": f"Moins de {text(high, 'fr')}",
        }
    if math.isinf(high):
        return f">={low:g}", {
            "en": f"{text(low, 'en')} and over",
            "fr": f"{text(low, 'fr')} et plus",
        }
    if whole and float(low).is_integer() and float(high).is_integer():
        if high - low == 1:
            return f"{low:g}", {each: text(low, each) for each in ("en", "fr")}
        return f"{low:g}-{high - 1:g}", {
            each: f"{text(low, each)}–{text(high - 1, each)}" for each in ("en", "fr")
        }
    return f"{low:g}-{high:g}", {
        "en": f"{text(low, 'en')} to under {text(high, 'en')}",
        "fr": f"De {text(low, 'fr')} à moins de {text(high, 'fr')}",
    }


def _numbers(column: Sequence[Value]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([value for value in column if value is not None], dtype=np.float64)
