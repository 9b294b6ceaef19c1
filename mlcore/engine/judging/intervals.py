"""How sure a rate is: 95 % intervals for a proportion, and for the ratio of two.

Counts may be fractions: what is listed is averaged over the repeats of a cross-validation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: two sides of it leave 95 % between them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that would hold the truth 95 times in 100."""

    value: float
    low: float
    high: float


def proportion(count: float, people: float) -> Estimate:
    """`count` of `people`, with Wilson's score interval: sound near 0, near 1 and for few.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference"; chosen
    as by Brown, Cai and DasGupta (2001), "Interval estimation for a binomial proportion".
    Raises `ValueError` unless 0 ≤ count ≤ people and people > 0.
    """
    if not 0 <= count <= people or people <= 0:
        raise ValueError(f"{count} of {people} is no proportion")
    rate = count / people
    weight = Z * Z / people
    centre = (rate + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(rate * (1 - rate) / people + weight / (4 * people))
    # At the ends the formula gives the end itself, but for rounding.
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == people else min(1.0, centre + half)
    return Estimate(rate, low, high)


def ratio(count: float, people: float, other_count: float, other_people: float) -> Estimate | None:
    """The ratio of two independent proportions, with Katz's interval on its logarithm.

    Katz, Baptista, Azen and Pike (1978), "Obtaining confidence intervals for the risk ratio in
    cohort studies". Where that is not defined, for nobody or everybody was counted, half a person
    counted and half a person not counted are added to both sides, for the interval alone.
    `None` when the other proportion is 0. Raises `ValueError` when either is no proportion.
    """
    value = proportion(count, people).value
    other = proportion(other_count, other_people).value
    if other == 0:
        return None
    add = 0.5 if count == 0 or value == other == 1 else 0.0
    a, n = count + add, people + 2 * add
    b, m = other_count + add, other_people + 2 * add
    spread = Z * math.sqrt(max(0.0, 1 / a - 1 / n + 1 / b - 1 / m))
    middle = (a / n) / (b / m)
    low = middle * math.exp(-spread) if count else 0.0
    return Estimate(value / other, low, middle * math.exp(spread))
