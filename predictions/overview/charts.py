"""The dashboard's pictures as SVG, in the language of `predictions.charts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.html import escape

from mlcore.engine.operating import BANDS, Band

_WIDTH, _ROW = 480.0, 58.0
_TALLEST = 46.0  # of a level's block
_LEFT, _RIGHT = 128.0, 352.0  # where the blocks stand
_BLOCK = 10.0

_BAR = (
    '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"'
    ' focusable="false">{}</svg>'
)


def level_bar(share: float, most: float, band: Band) -> str:
    """A share as a bar from zero, in the colour of its level; `most` reaches the edge."""
    width = 100 * share / most if most else 0.0
    return _BAR.format(f'<rect class="band-{band}" width="{width:.2f}" height="10"/>')


def push_bar(down: float, up: float, largest: float) -> str:
    """What lowers to the left of the middle and what raises to the right, in mean log-odds."""
    left, right = (50 * min(abs(size) / largest, 1.0) if largest else 0.0 for size in (down, up))
    return _BAR.format(
        f'<rect class="lowers" x="{50 - left:.2f}" y="1" width="{left:.2f}" height="8"/>'
        f'<rect class="raises" x="50" y="1" width="{right:.2f}" height="8"/>'
        '<rect class="axis" x="49.8" y="0" width="0.4" height="10"/>'
    )


def flows(
    moves: Mapping[tuple[Band, Band], float],
    *,
    words: Mapping[Band, str],
    counts: tuple[Mapping[Band, str], Mapping[Band, str]],
    sides: tuple[str, str],
    label: str,
) -> str:
    """People from their level before, on the left, to their level now, on the right.

    The highest level is on top, so what rises in the picture is a risk that rose. `words` name the
    levels, `counts` say how many people are at each before and now, `sides` name the two moments;
    `label` says what there is to see to those who cannot.
    """
    before = {band: sum(moves.get((band, now), 0) for now in BANDS) for band in BANDS}
    now = {band: sum(moves.get((old, band), 0) for old in BANDS) for band in BANDS}
    scale = _TALLEST / (max(*before.values(), *now.values()) or 1)
    top = {band: 26 + _ROW * place for place, band in enumerate(reversed(BANDS))}
    parts: list[str] = []
    leaves = {band: top[band] + (_TALLEST - before[band] * scale) / 2 for band in BANDS}
    arrives = {band: top[band] + (_TALLEST - now[band] * scale) / 2 for band in BANDS}
    blocks = [
        *_blocks(before, leaves, scale, _LEFT),
        *_blocks(now, arrives, scale, _RIGHT - _BLOCK),
    ]
    # From top to bottom on both sides, so that flows cross as little as they can.
    for old in reversed(BANDS):
        for new in reversed(BANDS):
            tall = moves.get((old, new), 0) * scale
            if tall:
                parts.append(_flow(leaves[old], arrives[new], tall, _way(old, new)))
                leaves[old] += tall
                arrives[new] += tall
    parts += blocks
    for band in BANDS:
        middle = top[band] + _TALLEST / 2
        parts += [
            _text(_LEFT - 10, middle - 2, words[band], "end label"),
            _text(_LEFT - 10, middle + 14, counts[0][band], "end"),
            _text(_RIGHT + 10, middle - 2, words[band], "label"),
            _text(_RIGHT + 10, middle + 14, counts[1][band], ""),
        ]
    parts += [_text(_LEFT + _BLOCK, 14, sides[0], "end"), _text(_RIGHT - _BLOCK, 14, sides[1], "")]
    height = 26 + _ROW * len(BANDS)
    return (
        f'<svg class="flows" viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img"'
        f' aria-label="{escape(label)}" focusable="false">{"".join(parts)}</svg>'
    )


def _way(old: Band, new: Band) -> str:
    return "stays" if old == new else "rises" if BANDS.index(new) > BANDS.index(old) else "falls"


def _blocks(
    people: Mapping[Band, float], tops: Mapping[Band, float], scale: float, x: float
) -> Sequence[str]:
    return [
        f'<rect class="band-{band}" x="{x:.1f}" y="{tops[band]:.2f}" width="{_BLOCK:.0f}"'
        f' height="{max(people[band] * scale, 1.0):.2f}"/>'
        for band in BANDS
        if people[band]
    ]


def _flow(left: float, right: float, tall: float, way: str) -> str:
    tall = max(tall, 1.0)
    start, end = _LEFT + _BLOCK, _RIGHT - _BLOCK
    bend = (start + end) / 2
    return (
        f'<path class="{way}" d="M{start:.1f} {left:.2f}C{bend:.1f} {left:.2f} {bend:.1f}'
        f" {right:.2f} {end:.1f} {right:.2f}V{right + tall:.2f}C{bend:.1f} {right + tall:.2f}"
        f' {bend:.1f} {left + tall:.2f} {start:.1f} {left + tall:.2f}Z"/>'
    )


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
