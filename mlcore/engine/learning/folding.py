"""Employees dealt into folds: both answers in each, and never a duplicate on both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

from mlcore.engine.plan import TrainingError

Ints = NDArray[np.int64]


def deal(
    left: Ints, groups: Ints, n_splits: int, seed: int | np.random.RandomState
) -> list[tuple[Ints, Ints]]:
    """`n_splits` times the rows to train on and the rows to test on, each rising.

    `left` and `groups` have shape (n,). Rows of one group stay together. Groups are dealt as
    scikit-learn's `StratifiedKFold(shuffle=True)` deals single rows, by the answer that most of
    the group gave; without duplicates the folds are the same. Raises `TrainingError` when there
    are fewer groups than folds.
    """
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    # Groups in the order of their first row: then one row per group is dealt as the row itself.
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    member = rank[member]
    if len(order) < n_splits:
        raise TrainingError(
            {
                "en": f"The file holds only {len(order)} different employees.",
                "fr": f"Le fichier ne contient que {len(order)} collaborateurs différents.",
            }
        )
    share = np.bincount(member, weights=left) / np.bincount(member)
    answer = (share > 0.5).astype(np.int64)
    few = min(np.bincount(answer, minlength=2)) < n_splits
    splitter = (KFold if few else StratifiedKFold)(n_splits, shuffle=True, random_state=seed)
    rows = np.arange(len(left))
    folds = []
    for _, held_out in splitter.split(answer, answer):
        chosen = np.zeros(len(order), dtype=bool)
        chosen[held_out] = True
        test = chosen[member]
        folds.append((rows[~test], rows[test]))
    return folds
