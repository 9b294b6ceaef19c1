"""Pictures drawn on the server as SVG: they print, need no script, and pass the strictest CSP.

Colours come from the stylesheet by class, so that both themes and paper are served. A picture holds
no text of its own: its words stand beside it, where they can be read aloud and translated.
"""

from __future__ import annotations

from mlcore.cards.charts import band_mark, people
from mlcore.engine.operating import Band

__all__ = ["band_mark", "change_bar", "diverging_bar", "people", "share_bar"]


def diverging_bar(contribution: float, largest: float) -> str:
    """A bar from the middle: to the right for what raises, to the left for what lowers.

    `largest` is the magnitude that reaches the edge; both are in log-odds.
    """
    width = 50 * min(abs(contribution) / largest, 1.0) if largest else 0.0
    start = 50 - width if contribution < 0 else 50
    kind = "lowers" if contribution < 0 else "raises"
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false"><rect class="{kind}" x="{start:.2f}" y="1" width="{width:.2f}"'
        ' height="8"/><rect class="axis" x="49.8" y="0" width="0.4" height="10"/></svg>'
    )


def share_bar(share: float, base_rate: float, band: Band) -> str:
    """A risk of 0 to 1 as a bar from zero, with a tick at the base rate."""
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
        f' focusable="false"><rect class="track" width="100" height="10"/>'
        f'<rect class="band-{band}" width="{share * 100:.2f}" height="10"/>'
        f'<rect class="axis" x="{base_rate * 100:.2f}" y="0" width="0.8" height="10"/></svg>'
    )


def change_bar(before: float, after: float, base_rate: float, band: Band) -> str:
    """A risk after a change, with what the change takes off hollow, or what it adds on top.

    All are shares of 0 to 1, and the whole bar is 1. `band` is the level afterwards.
    """
    start, end = (100 * risk for risk in sorted((before, after)))
    kind = "taken" if after < before else "added"
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
        ' focusable="false"><rect class="track" width="100" height="10"/>'
        f'<rect class="band-{band}" width="{start:.2f}" height="10"/>'
        f'<rect class="{kind}" x="{start:.2f}" y="1" width="{end - start:.2f}" height="8"/>'
        f'<rect class="axis" x="{100 * base_rate:.2f}" y="0" width="0.8" height="10"/></svg>'
    )
