"""Which groups of people a comparison may show, so that no small one can be worked out.

The dashboard also tells of everyone: whoever subtracts the groups that are shown from that learns
of those that are hidden, taken together. So what is hidden is nobody, or at least two groups that
are together no small group either (complementary suppression: Willenborg and de Waal, 2001,
"Elements of statistical disclosure control").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlcore.engine.values import Value

FEWEST = 5
"""People in the smallest group that is shown."""


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


def shown(groups: Sequence[Group], *, fewest: int = FEWEST) -> list[Group]:
    """The groups that may be shown of those that divide everyone, in the order given."""
    by_size = sorted(groups, key=lambda group: group.people)
    hidden = [group for group in by_size if group.people < fewest]
    if hidden:
        for group in by_size[len(hidden) :]:
            if len(hidden) > 1 and sum(one.people for one in hidden) >= fewest:
                break
            hidden.append(group)
    return [group for group in groups if group not in hidden]
