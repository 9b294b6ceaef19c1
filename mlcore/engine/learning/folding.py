"""Employees dealt into folds: both answers in each, and nobody on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from mlcore.engine.plan import TrainingError

Ints = NDArray[np.int64]
Split = tuple[Ints, Ints]
"""The rows to train on and the rows to test on, each rising."""


def deal(left: Ints, groups: Ints, most: int, seed: int) -> list[Split]:
    """Folds for one cross-validation: see `deal_again`."""
    return deal_again(left, groups, most, 1, seed)[0]


def deal_again(left: Ints, groups: Ints, most: int, repeats: int, seed: int) -> list[list[Split]]:
    """`repeats` times the same number of folds: `most`, or as many as can hold both answers each.

    `left` and `groups` have shape (n,). Rows of one group stay together. Where no group has two
    rows, the folds are those of scikit-learn's `RepeatedStratifiedKFold`; otherwise groups are
    dealt one after the other, the largest first, each to the fold that it leaves most even in
    leavers and stayers. Raises `TrainingError` when not even two folds can hold both answers.
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.arange(len(left))
    for count in range(most, 1, -1):
        # One source of chance for all repeats, as scikit-learn has it.
        chance = np.random.RandomState(seed)
        dealt = []
        for _ in range(repeats):
            fold = (
                _rows(left, count, chance)
                if sizes.max(initial=1) == 1
                else _groups(left, member, count, chance)
            )
            if not _both_answers(left, fold, count):
                break
            dealt.append([(rows[fold != each], rows[fold == each]) for each in range(count)])
        if len(dealt) == repeats:
            return dealt
    raise TrainingError(
        {
            "en": "The file holds too few different employees to hold some of them back: rows that"
            " repeat one another, or are of one employee, count as one.",
            "fr": "Le fichier contient trop peu de collaborateurs différents pour en mettre une"
            " partie de côté\u00a0: les lignes qui se répètent, ou qui concernent un même"
            " collaborateur, comptent pour une seule.",
        }
    )


def _rows(left: Ints, count: int, chance: np.random.RandomState) -> Ints:
    """The fold of each row, as scikit-learn deals single rows; all 0 where it cannot."""
    fold = np.zeros(len(left), dtype=np.int64)
    if min(np.bincount(left, minlength=2)) >= count:
        splitter = StratifiedKFold(count, shuffle=True, random_state=chance)
        for place, (_, held_out) in enumerate(splitter.split(left, left)):
            fold[held_out] = place
    return fold


def _groups(left: Ints, member: Ints, count: int, chance: np.random.RandomState) -> Ints:
    """The fold of each row, so that groups stay whole; `member` numbers them from 0."""
    people = np.bincount(member)
    leavers = np.bincount(member, weights=left).astype(np.int64)
    shuffled = chance.permutation(len(people))
    # Among equals, those with leavers first: there are fewer of them.
    order = shuffled[np.lexsort((-leavers[shuffled], -people[shuffled]))]
    all_leavers, all_stayers = max(int(left.sum()), 1), max(int(len(left) - left.sum()), 1)
    has = [(0, 0)] * count
    fold_of = np.zeros(len(people), dtype=np.int64)
    for group in order.tolist():
        more = int(leavers[group])
        stay = int(people[group]) - more
        # The least sum of squares of the folds' shares: each addition costs in proportion.
        costs = [
            more * (2 * gone + more) / all_leavers**2 + stay * (2 * there + stay) / all_stayers**2
            for gone, there in has
        ]
        best = min(range(count), key=lambda place: (costs[place], sum(has[place])))
        fold_of[group] = best
        has[best] = (has[best][0] + more, has[best][1] + stay)
    return fold_of[member]


def _both_answers(left: Ints, fold: Ints, count: int) -> bool:
    """Whether some left and some stayed in every fold; then so they did outside of each."""
    leavers = np.bincount(fold, weights=left, minlength=count)
    people = np.bincount(fold, minlength=count)
    return bool((leavers > 0).all() and (leavers < people).all())
