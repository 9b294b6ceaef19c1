"""What stands beside the numbers of a whole column, taken off where that is safe.

A reader of one value refuses a sign that its feature does not know, because a single `5 993 €`
among dollars is another amount. A column of which every number carries the same sign is another
matter: the sign tells nothing about one employee that it does not tell about all, and the same
column without it is read without a question. So the sign is taken off, unless the feature itself
names another: then the months are none of the years that the model learned. Pay is pay: that it is
in another currency is told beside the column, and a person decides whether that matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from mlcore.engine.drafting import header_words
from mlcore.engine.drafting.answer_words import MARKS, MONEY
from mlcore.engine.drafting.header_words import phrase
from mlcore.engine.features import Feature
from mlcore.engine.ingest.decimals import rewrite
from mlcore.engine.values import unmarked

_PERCENT = 0  # its place in MARKS
_LARGEST_SHARE = 1.5
"""A feature whose history never exceeded this counts in shares of one: 0.8 for 80 %."""

_GUARDED = re.compile(r"\A'(?=[=+@\t\r-])")
_QUOTED = re.compile(r"\A=\"([^\"]*)\"\Z")
_GROUP = {mark.casefold(): place for place, (_, marks) in enumerate(MARKS) for mark in marks}


def adapted(column: Sequence[str], settled: str, feature: Feature | None) -> Sequence[str]:
    """The cells of a column as `feature` is to read them, after `Evidence.settled`.

    Numbers alone change, and what spreadsheets are told by: an apostrophe before what would be a
    formula (our own exports write it), and `="00123"`, by which a reference keeps its zeros.
    `feature` is None for the employee's reference.
    """
    column = _unguarded(column)
    if not settled or feature is None or feature.kind != "number":
        return column
    decimal, _, mark = settled.partition("|")
    take_off = _taker(mark, feature) if mark else None
    if take_off is None:
        return [rewrite(text, decimal) for text in column] if decimal else column
    return [take_off(rewrite(text, decimal)) for text in column]


def _unguarded(column: Sequence[str]) -> Sequence[str]:
    together = "\n".join(column)
    if "'" not in together and '="' not in together:
        return column
    return [_QUOTED.sub(r"\1", _GUARDED.sub("", text)) for text in column]


def note(settled: str, feature: Feature | None) -> str:
    """The sign of a column that its feature is not said to count in: `€` for a pay in dollars.

    A person decides whether that matters. `""` where both agree, and for shares and percentages.
    """
    mark = settled.partition("|")[2]
    if not mark or feature is None or feature.kind != "number":
        return ""
    group = _GROUP[mark.casefold()]
    named = _named(feature)
    return mark if named and group not in named and group != _PERCENT else ""


def _taker(mark: str, feature: Feature) -> Callable[[str], str] | None:
    """Takes the mark off a number; None where it stays."""
    group = _GROUP[mark.casefold()]
    own = {known.casefold() for known in feature.marks}
    marks = {known.casefold() for known in MARKS[group][1]}
    if own & marks:
        return None
    if group == _PERCENT:
        return _percent_taker(feature)
    named = _named(feature)
    if _both_money(group, named) or (not own and (not named or group in named)):
        return lambda text: unmarked(text.strip(), marks) or text
    return None


def _percent_taker(feature: Feature) -> Callable[[str], str] | None:
    if "%" in feature.unit.values() or feature.seen is None:
        return None
    if feature.seen[0] >= 0 and feature.seen[1] <= _LARGEST_SHARE and not feature.integer:
        return _share
    speaks = phrase(" ".join((feature.column, *feature.label.values())))
    if header_words.PERCENT.search(speaks):
        return lambda text: unmarked(text.strip(), {"%"}) or text
    return None


def _share(text: str) -> str:
    """`80 %` as 0.8."""
    if not (bare := unmarked(text.strip(), {"%"})):
        return text
    try:
        return f"{Decimal(bare.replace(',', '.')).scaleb(-2):f}"
    except InvalidOperation:
        return text


@lru_cache(maxsize=1024)
def _group_of(word: str) -> int | None:
    return _GROUP.get(word.casefold())


def _named(feature: Feature) -> set[int]:
    """Which of the marks a feature counts in, by its unit: `USD per month` are dollars."""
    found = set()
    for unit in feature.unit.values():
        for one in unit.split("|"):
            first = one.split()[:1]
            if first and (group := _group_of(first[0])) is not None:
                found.add(group)
    return found


def _both_money(group: int, named: set[int]) -> bool:
    return group in MONEY and not named.isdisjoint(MONEY)
