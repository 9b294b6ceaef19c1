"""Which groups of people a comparison shows, and how exactly, so that no few are worked out.

A group of fewer than five people is hidden. Beside it stands how many there are in all: whoever
subtracts exact groups from that learns of what is hidden, which tells of one group, or of very few
people. Then the groups that are shown keep their place and say about how many they are
(controlled rounding instead of hiding more: Willenborg and de Waal, 2001, "Elements of statistical
disclosure control").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcore.engine.values import Value

FEWEST = 5
"""People in the smallest group that is shown."""
_STEP = 10  # people are rounded to so many


@dataclass(frozen=True, slots=True)
class Group:
    """People who share a value; `None` is that it is not known."""

    value: Value
    people: int
    high: int
    """Of these, at high or very high risk."""

    @property
    def share(self) -> float:
        """The share at high or very high risk, 0 to 1."""
        return self.high / self.people


@dataclass(frozen=True, slots=True)
class Shown:
    """What a comparison may say of the groups that divide everyone."""

    groups: list[Group]
    """Those that are not hidden, in the order given."""
    hidden: int
    """Groups that are too small."""
    rounded: bool
    """Whether to say no exact count: `about` for people, whole percents for shares."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownGroup:
    """How a group of people stands, as a page says it."""

    label: str
    group: Group
    rounded: bool
    """Whether only about how many they are is said."""
    address: str
    """Of these people in a file's list; `""` where it does not tell them apart."""

    @property
    def share(self) -> float:
        """The share at high or very high risk, 0 to 1, as exactly as it may be said."""
        return round(self.group.share, 2) if self.rounded else self.group.share

    @property
    def about(self) -> int:
        """About how many people there are."""
        return about(self.group.people)


def shown(groups: Sequence[Group], *, fewest: int = FEWEST) -> Shown:
    """What may be said of groups that together are everyone."""
    hidden = [group.people for group in groups if group.people < fewest]
    return Shown(
        groups=[group for group in groups if group.people >= fewest],
        hidden=len(hidden),
        rounded=must_round(hidden, fewest=fewest),
    )


def must_round(hidden: Sequence[int], *, fewest: int = FEWEST) -> bool:
    """Whether exact numbers beside groups of so many `hidden` people would tell of these."""
    return bool(hidden) and (len(hidden) == 1 or sum(hidden) < fewest)


def about(people: int) -> int:
    """So many people to the nearest ten, and never nobody."""
    return max((people + _STEP // 2) // _STEP * _STEP, _STEP)
