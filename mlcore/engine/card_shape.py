"""What a model's card may hold, part by part: a card from elsewhere is shown, so it must fit.

Every part is optional, for a card says what its training measured; what is there has the shape
below. A check takes a value and the place where it stands, and gives its faults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from mlcore.engine.soundness import is_words

Check = Callable[[Any, str], Iterator[str]]

_ALMOST = 1e-6  # counts are averages over repeats, and were rounded


def card_shape_fault(card: Mapping[str, Any]) -> str:
    """The first part of a card that is not what it should be, and what that is; `""` if none."""
    return next(_CARD(card, "card"), "")


def _number(low: float = -math.inf, high: float = math.inf) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if type(value) not in (int, float) or not low <= value <= high:
            yield f"{place} is no number from {low:g} to {high:g}."

    return check


def _or_null(inner: Check) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if value is not None:
            yield from inner(value, place)

    return check


def _words(value: Any, place: str) -> Iterator[str]:
    if not is_words(value):
        yield f"{place} is no text by language."


def _text(value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{place} is no text."


def _answer(value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, (str, int, float, type(None))):
        yield f"{place} is no answer."


def _any(value: Any, place: str) -> Iterator[str]:
    yield from ()


def _list(inner: Check, most: int = 2_000) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, list) or len(value) > most:
            yield f"{place} is no list of at most {most}."
            return
        for number, item in enumerate(value):
            yield from inner(item, f"{place}[{number}]")

    return check


def _map(inner: Check, most: int = 2_000) -> Check:
    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict) or len(value) > most:
            yield f"{place} is no object of at most {most}."
            return
        for name, item in value.items():
            yield from inner(item, f"{place}.{name:.40}")

    return check


def _object(needed: Mapping[str, Check], more: Mapping[str, Check] | None = None) -> Check:
    """An object with all of `needed`, and any of `more`; what else it holds is not shown."""
    known = {**needed, **(more or {})}

    def check(value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place} is no object."
            return
        for name in needed:
            if name not in value:
                yield f"{place} lacks {name}."
        for name, inner in known.items():
            if name in value:
                yield from inner(value[name], f"{place}.{name}")

    return check


def _and(first: Check, then: Check) -> Check:
    """Both, and the second only of what passes the first."""

    def check(value: Any, place: str) -> Iterator[str]:
        found = next(first(value, place), None)
        yield from then(value, place) if found is None else (found,)

    return check


def _both_ends(value: Any, place: str) -> Iterator[str]:
    if ("low" in value) != ("high" in value):
        yield f"{place}: an interval has two ends."


def _pair_of_answer_and_count(value: Any, place: str) -> Iterator[str]:
    if not (isinstance(value, list) and len(value) == 2):
        yield f"{place} is no answer with its count."
        return
    yield from _answer(value[0], f"{place}[0]")
    yield from _COUNT(value[1], f"{place}[1]")


def _operating_fits(value: Any, place: str) -> Iterator[str]:
    thresholds, listed, leavers = (value[n] for n in ("thresholds", "listed", "leavers"))
    if not thresholds or not len(thresholds) == len(listed) == len(leavers):
        yield f"{place}: its lists are not of one length."
    elif any(a >= b for a, b in pairwise(thresholds)) or listed[0] <= 0:
        yield f"{place}: its thresholds do not rise, or nobody was listed."
    elif any(few > many + _ALMOST for few, many in zip(leavers, listed, strict=True)):
        yield f"{place}: more leavers than people are listed."


def _histogram_fits(value: Any, place: str) -> Iterator[str]:
    lists = [value[name] for name in ("counts", "stayed", "left") if name in value]
    if "edges" in value and any(len(counts) != len(value["edges"]) - 1 for counts in lists):
        yield f"{place}: it needs one count between two edges."


def _group_fits(value: Any, place: str) -> Iterator[str]:
    listed, held = value["listed"], value["leavers_listed"]
    if value["leavers"] > value["people"]:
        yield f"{place}: more left than there were."
    elif len(listed) != len(held) or any(
        few > value["leavers"] + _ALMOST
        or many > value["people"] + _ALMOST
        or few > many + _ALMOST
        or many - few > value["people"] - value["leavers"] + _ALMOST
        for few, many in zip(held, listed, strict=False)
    ):
        yield f"{place}: its lists hold more than the group."


def _card_fits(value: Any, place: str) -> Iterator[str]:
    if value.get("leavers", 0) > value.get("rows", math.inf):
        yield f"{place}: more left than there were."
    operating = value.get("evaluation", {}).get("operating")
    for name, attribute in value.get("fairness", {}).items():
        if operating is None:
            yield f"{place}.fairness has no thresholds."
        elif any(len(g["listed"]) != len(operating["thresholds"]) for g in attribute["groups"]):
            yield f"{place}.fairness.{name:.40}: one count is needed per threshold."


_SHARE, _COUNT, _NUMBER = _number(0, 1), _number(0, 1e15), _number()
_POINT = _and(
    _object({"x": _SHARE, "y": _SHARE}, {"low": _SHARE, "high": _SHARE}),
    _both_ends,
)
_BIN = _and(
    _object(
        {"predicted": _SHARE, "observed": _SHARE},
        {"low": _SHARE, "high": _SHARE, "people": _COUNT},
    ),
    _both_ends,
)
_METRIC = _and(
    _object({"mean": _NUMBER}, {"sd": _NUMBER, "low": _NUMBER, "high": _NUMBER}),
    _both_ends,
)
_COUNTS = _list(_COUNT)
_HISTOGRAM = _and(
    _object(
        {},
        {
            "edges": _list(_NUMBER),
            "counts": _COUNTS,
            "stayed": _COUNTS,
            "left": _COUNTS,
            "answers": _list(_pair_of_answer_and_count),
        },
    ),
    _histogram_fits,
)
_GROUP = _and(
    _object(
        {
            "value": _answer,
            "label": _words,
            "people": _number(1, 1e15),
            "leavers": _COUNT,
            "mean_risk": _SHARE,
            "listed": _COUNTS,
            "leavers_listed": _COUNTS,
        }
    ),
    _group_fits,
)
_EVALUATION = _object(
    {},
    {
        "protocol": _words,
        "metrics": _map(_METRIC),
        "baselines": _map(_map(_NUMBER)),
        "curves": _object(
            {},
            {
                "roc": _list(_POINT),
                "precision_recall": _list(_POINT),
                "calibration": _list(_BIN),
                "distribution": _HISTOGRAM,
            },
        ),
        "operating": _and(
            _object({"thresholds": _list(_SHARE), "listed": _COUNTS, "leavers": _COUNTS}),
            _operating_fits,
        ),
    },
)
_SELECTION = _object(
    {},
    {
        "rule": _words,
        "path": _list(
            _object(
                {"inputs": _COUNT, "log_loss": _NUMBER, "se": _NUMBER},
                {"removed": _or_null(_text)},
            )
        ),
        "cost": _map(_object({"log_loss": _NUMBER}, {"label": _words})),
        "kept": _or_null(_COUNT),
    },
)
_CARD = _and(
    _object(
        {"name": _text, "title": _words},
        {
            "source": _words,
            "rows": _COUNT,
            "leavers": _COUNT,
            "base_rate": _SHARE,
            "duplicates": _object({"rows": _COUNT}),
            "repeated_employees": _COUNT,
            "set_aside": _object({"no_answer": _COUNT, "unreadable": _COUNT}),
            "data_sha256": _text,
            "target": _object({"column": _text, "leaver": _text}),
            "inputs": _list(_text),
            "audit_attributes": _list(_text),
            "left_out": _map(_words),
            "selection": _SELECTION,
            "pairs": _list(_object({"features": _list(_text, 2)}, {"log_loss": _NUMBER})),
            "pairs_tried": _COUNT,
            "floor": _SHARE,
            "method": _words,
            "evaluation": _EVALUATION,
            "fairness": _map(
                _object({"label": _words, "groups": _list(_GROUP)}, {"hidden": _COUNT})
            ),
            "density": _map(_HISTOGRAM),
            "not_for": _list(_words),
            "compiled": _object({"largest_probability_gap": _NUMBER}, {"roc_auc_gap": _NUMBER}),
            "operating_point": _map(_any),
            "trained_with": _map(_text),
        },
    ),
    _card_fits,
)
