"""Whether the list treats groups alike: rates by group at a threshold, from a model's card.

Being listed means that a conversation is proposed; that can be a favour or a burden, so a rate that
is too low and one that is too high are both worth a look. Pure arithmetic over what the training
stored; definitions and sources are in `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcore.engine.judging.intervals import Estimate, proportion, ratio
from mlcore.engine.operating import count_at
from mlcore.engine.words import Words

FEWEST = 5
"""A smaller group is not shown: its figures would tell about persons."""
FOUR_FIFTHS = 0.8
"""The impact ratio under which the four-fifths rule sees adverse impact: 29 CFR 1607.4(D)."""
SMALLEST_REFERENCE = 0.02
"""A smaller share of the workforce is no group to compare others with: 29 CFR 1607.15(A)(2)(a)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRates:
    """One group's rates at a threshold. Counts are averaged over the cross-validation's repeats."""

    value: str | int | None
    """The group's value in the data, or its band; `None` for blanks."""
    label: Words
    people: int
    leavers: int
    mean_risk: float
    """The mean predicted probability: calibrated when `observed` holds it."""
    observed: Estimate
    """The share that left."""
    listed: Estimate
    """The share that is listed: the selection rate."""
    true_positive: Estimate | None
    """Of those who left, the share that was listed; `None` when nobody left."""
    false_positive: Estimate | None
    """Of those who stayed, the share that was listed; `None` when nobody stayed."""
    impact_ratio: Estimate | None
    """The selection rate over the reference group's; `None` when that is 0."""
    is_reference: bool

    @property
    def below_four_fifths(self) -> bool:
        """Whether the four-fifths rule would ask for a closer look."""
        return self.impact_ratio is not None and self.impact_ratio.value < FOUR_FIFTHS

    @property
    def surely_below_four_fifths(self) -> bool:
        """Whether chance alone hardly explains it: the whole interval lies below."""
        return self.impact_ratio is not None and self.impact_ratio.high < FOUR_FIFTHS

    @property
    def calibrated(self) -> bool:
        """Whether the mean risk lies in the interval of what happened."""
        return self.observed.low <= self.mean_risk <= self.observed.high


@dataclass(frozen=True, kw_only=True, slots=True)
class AttributeRates:
    """One audit attribute's groups at a threshold."""

    name: str
    label: Words
    groups: tuple[GroupRates, ...]
    hidden: int
    """People in groups that are not shown, and not to be worked out."""


def at_threshold(card: Mapping[str, Any], threshold: float) -> list[AttributeRates]:
    """Rates of every audit attribute's groups when the list begins at `threshold`.

    The reference is the group with the highest selection rate, among those with 2 % of the people.
    A card without fairness data, from a model without audit attributes, gives an empty list.
    """
    stored = card.get("fairness", {})
    if not stored:
        return []
    thresholds = card["evaluation"]["operating"]["thresholds"]
    return [_attribute(name, found, thresholds, threshold) for name, found in stored.items()]


def _within(count: float, most: float) -> float:
    return min(max(count, 0.0), most)


def _attribute(
    name: str, stored: Mapping[str, Any], thresholds: Sequence[float], threshold: float
) -> AttributeRates:
    groups: Sequence[Mapping[str, Any]] = stored["groups"]
    listed = [
        _within(count_at(thresholds, group["listed"], threshold), group["people"])
        for group in groups
    ]
    hidden = int(stored.get("hidden", 0))
    enough = SMALLEST_REFERENCE * (sum(group["people"] for group in groups) + hidden)
    # The first of equals, in the order of the groups.
    reference = max(
        (place for place, group in enumerate(groups) if group["people"] >= enough),
        key=lambda place: listed[place] / groups[place]["people"],
        default=None,
    )

    def rates(place: int) -> GroupRates:
        group = groups[place]
        people, leavers = group["people"], group["leavers"]
        stayers = people - leavers
        # Counts between two thresholds are rounded, and so are their differences.
        held = _within(count_at(thresholds, group["leavers_listed"], threshold), leavers)
        needless = _within(listed[place] - held, stayers)
        impact = None
        if reference is not None and listed[reference]:
            impact = (
                Estimate(1.0, 1.0, 1.0)
                if place == reference
                else ratio(listed[place], people, listed[reference], groups[reference]["people"])
            )
        return GroupRates(
            value=group["value"],
            label=group["label"],
            people=people,
            leavers=leavers,
            mean_risk=group["mean_risk"],
            observed=proportion(leavers, people),
            listed=proportion(listed[place], people),
            true_positive=proportion(held, leavers) if leavers else None,
            false_positive=proportion(needless, stayers) if stayers else None,
            impact_ratio=impact,
            is_reference=place == reference,
        )

    return AttributeRates(
        name=name,
        label=stored["label"],
        groups=tuple(map(rates, range(len(groups)))),
        hidden=hidden,
    )
