"""How many people, in words that tell of no few of them."""

from __future__ import annotations

from django.utils.translation import gettext as _

from mlcore.templatetags.figures import whole
from predictions.small_groups import FEWEST, about


def told(people: int, *, rounded: bool = False) -> str:
    """Nobody, fewer than five, or how many; only about how many where that must be `rounded`."""
    if 0 < people < FEWEST:
        return _("fewer than 5")
    if people and rounded:
        return _("about {people}").format(people=whole(about(people)))
    return whole(people)
