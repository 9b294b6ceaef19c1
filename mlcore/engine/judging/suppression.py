"""Which groups of an attribute a card may show, so that no small one can be worked out.

The card also tells of everyone: whoever subtracts what is shown from that learns of what is hidden.
So what is hidden is either nobody, or at least as many people as the smallest group that is shown
may have (complementary suppression: Willenborg and de Waal, 2001, "Elements of statistical
disclosure control").
"""

from __future__ import annotations

from collections.abc import Sequence

from mlcore.engine.judging.distributions import Group
from mlcore.engine.words import LANGUAGES, say


def shown(groups: Sequence[Group], *, fewest: int, most: int, ordered: bool) -> list[Group]:
    """The `most` largest groups with at least `fewest` people, in the order given.

    Where the rest are too few to stay hidden, they are merged into one that is shown: into a
    neighbour where groups have an order and one of them is alone, else into the smallest. Where
    that would leave everyone in one group, nothing is compared and nothing is shown.
    """
    large = sorted(groups, key=lambda group: -len(group.rows))[:most]
    kept = [place for place, g in enumerate(groups) if g in large and len(g.rows) >= fewest]
    rest = [place for place in range(len(groups)) if place not in kept]
    if not 0 < sum(len(groups[place].rows) for place in rest) < fewest:
        return [groups[place] for place in kept]
    near = kept
    if ordered and len(rest) == 1 and groups[rest[0]].value is not None:
        near = [p for p in kept if abs(p - rest[0]) == 1 and groups[p].value is not None] or kept
    if len(kept) < 2:
        return []
    host = min(near, key=lambda place: len(groups[place].rows))
    merged = _together([groups[place] for place in sorted([host, *rest])])
    return [merged if place == host else groups[place] for place in kept]


def _together(groups: Sequence[Group]) -> Group:
    """Several groups as one, named after all of them."""
    return Group(
        value=" + ".join("" if group.value is None else str(group.value) for group in groups),
        label={
            language: " + ".join(say(group.label, language, str(group.value)) for group in groups)
            for language in LANGUAGES
        },
        rows=sorted(row for group in groups for row in group.rows),
    )
