"""From a labelled table to a glass box: everything that learns, behind one door.

`train` chooses the inputs, fits the learners, adds pairs where they pay, calibrates and compiles.
Whoever wants to know how good its models are calls it within each fold of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from mlcore.engine import pairs
from mlcore.engine.calibration import Link, fit_link
from mlcore.engine.compilation import compile_model
from mlcore.engine.designs import codes
from mlcore.engine.folding import Ints, deal
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.learners import PENALTY, Additive, Seen, add_pairs, fit_additive
from mlcore.engine.logistic import fit_ridge
from mlcore.engine.pairs import Found
from mlcore.engine.plan import TrainingError, TrainingPlan
from mlcore.engine.preparation import TrainingSet, as_features, prepare
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.selection import Elimination, eliminate, fewest

__all__ = [
    "Trained",
    "TrainingError",
    "TrainingPlan",
    "TrainingSet",
    "as_features",
    "folds",
    "prepare",
    "train",
]

Floats = NDArray[np.float64]

INNER_FOLDS, INNER_SEED = 5, 0
CHANCE = 0.01  # of taking columns that say nothing for columns that say something
OFTEN = 3  # of the inner folds, in which a pair must be found on its own

_SPLINES = 1  # place of the spline design, on which inputs are chosen

METHOD = (
    "mean in log-odds of a power-transformed logistic regression, a spline logistic regression and"
    " boosted stumps{pairs}, calibrated on inner folds{floor}, compiled to tables"
)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model, and how it came about."""

    schema: FeatureSchema
    """What the model asks: the inputs that were kept, and every audit attribute."""
    model: GlassBoxModel
    report: dict[str, Any]
    """JSON data: `selection`, `pairs`, `pairs_tried`, `floor`, `compiled`, `method`."""


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """One inner fold: whom to train on, whom to hold out, and which inputs it would keep."""

    training: Ints
    held_out: Ints
    elimination: Elimination
    protected: frozenset[int]

    def kept(self, given_up: int) -> list[int]:
        """The places of the inputs that this fold keeps, rising."""
        return _kept(self.elimination.order, given_up, self.protected)


@dataclass(frozen=True, kw_only=True)
class _Procedure:
    """One way to fit, tried on the inner folds."""

    log_odds: Floats
    """Of every employee, by learners that did not know them; shape (n,)."""
    link: Link
    losses: Floats
    """Calibrated log loss by employee, shape (n,)."""
    found: tuple[tuple[tuple[int, int], Ints, Floats], ...] = ()
    """By fold and pair: the pair, the employees held out, and its table's log-odds for them."""


def train(data: TrainingSet) -> Trained:
    """A compiled, calibrated model of `data`; the same data gives the same model, bit for bit.

    - Inputs: as few as do as well as the best number of them, within one standard error of the
      difference in inner cross-validated log loss, employee by employee. Breiman's rule takes the
      standard error of the loss itself, which is far larger, for it holds all that nobody can
      foresee: on the public IBM file it would give up ten inputs and .012 of log loss, and miss
      what the model must reach. Inputs of pairs beyond chance are kept.
    - Pairs: those beyond chance in most inner folds and in all rows; kept when they lower the inner
      log loss by more than the standard error of the difference. Small data stays additive.
    - Floor: fitted with the calibration on the inner folds. Where there is one, the learners are
      fitted again with each leaver weighted by how surely the conditions explain the leaving, and
      the second fit is kept when its inner log loss is lower.

    Raises `TrainingError` when the columns tell nothing about who leaves.
    """
    left = data.left
    if len(np.unique(left)) < 2:
        raise _nothing_learnable()
    seen = Seen.of(data.schema, codes(data.schema, data.frame.inputs))
    inner = _inner(seen, left, data.groups)
    losses = np.empty((len(seen.schema.features) + 1, len(left)))
    plain = np.empty(len(left))
    for fold in inner:
        losses[:, fold.held_out] = fold.elimination.losses
        plain[fold.held_out] = fold.elimination.log_odds
    given_up = fewest(losses, paired=True)

    additive = _try(seen, left, inner, given_up, with_pairs=False)
    paired = _try(seen, left, inner, given_up, with_pairs=True, like=additive)
    pays = bool(paired.found) and _clearly_lower(paired.losses, additive.losses)
    if not pays and not _tells(plain, left):
        raise _nothing_learnable()
    chosen = paired if pays else additive
    weights = None
    if chosen.link.floor > 0:
        weights = chosen.link.explained(chosen.log_odds, left)
        again = _try(seen, left, inner, given_up, with_pairs=pays, weights=weights)
        if again.losses.mean() < chosen.losses.mean():
            chosen = again
        else:
            weights = None

    found, tried = _screen(seen, left)
    protected = frozenset(j for pair in found for j in (pair.first, pair.second))
    order = _eliminate(seen, left, protected).order
    kept = _kept(order, given_up, protected)
    mine = seen.only(kept)
    fitted = fit_additive(mine, left, weights)
    gains: dict[tuple[int, int], float] = {}
    if pays:
        gains = _gains(chosen, left)
        here, _ = pairs.screen(mine.grids, fitted.mains(mine), left.astype(np.float64))
        here = [p for p in here if (kept[p.first], kept[p.second]) in gains][: pairs.MOST_PAIRS]
        fitted = add_pairs(mine, left, fitted, here, weights)
    model = compile_model(mine, left, fitted, chosen.link)
    report = {
        "selection": _selection(seen, left, inner, losses, order, kept, given_up),
        "pairs": [
            {
                "features": list(pairs.names(mine.schema, table.found)),
                "log_loss": _figure(gains[kept[table.found.first], kept[table.found.second]]),
            }
            for table in fitted.tables
        ],
        "pairs_tried": tried,
        "floor": model.floor,
        "compiled": _compiled(data, mine, left, fitted, chosen.link, model),
        "method": METHOD.format(
            pairs=", tables over pairs" if fitted.tables else "",
            floor=" with a floor" if model.floor else "",
        ),
    }
    schema = replace(data.schema, features=mine.schema.features)
    return Trained(schema=schema, model=model, report=report)


def folds(data: TrainingSet, n_splits: int, seed: int) -> list[tuple[Ints, Ints]]:
    """Rows to train on and rows to test on, `n_splits` times: see `folding.deal`."""
    return deal(data.left, data.groups, n_splits, seed)


# ------------------------------------------------------------------ inner folds


def _inner(seen: Seen, left: Ints, groups: Ints) -> list[_Fold]:
    result = []
    for training, held_out in deal(left, groups, INNER_FOLDS, INNER_SEED):
        if len(np.unique(left[training])) < 2:
            raise _nothing_learnable()
        part, answers = seen.part(training), left[training]
        protected = frozenset(
            j for pair in _screen(part, answers)[0] for j in (pair.first, pair.second)
        )
        elimination = _eliminate(
            part, answers, protected, (seen.columns[_SPLINES][held_out], left[held_out])
        )
        result.append(
            _Fold(
                training=training, held_out=held_out, elimination=elimination, protected=protected
            )
        )
    return result


def _screen(seen: Seen, left: Ints) -> tuple[list[Found], int]:
    """Pairs that are beyond chance beside a plain spline regression, and how many were tried."""
    answers, columns = left.astype(np.float64), seen.columns[_SPLINES]
    ridge = fit_ridge(columns, answers, penalty=PENALTY)
    found, tried = pairs.screen(seen.grids, ridge.log_odds(columns), answers)
    return found[: pairs.MOST_PAIRS], tried


def _eliminate(
    seen: Seen,
    left: Ints,
    protected: frozenset[int],
    held_out: tuple[Floats, Ints] | None = None,
) -> Elimination:
    return eliminate(
        seen.columns[_SPLINES],
        seen.designs[_SPLINES].slices,
        left,
        penalty=PENALTY,
        held_out=held_out,
        protected=protected,
    )


def _kept(order: Sequence[int], given_up: int, protected: frozenset[int]) -> list[int]:
    return sorted({*order[given_up:], *protected})


def _try(
    seen: Seen,
    left: Ints,
    inner: Sequence[_Fold],
    given_up: int,
    *,
    with_pairs: bool,
    weights: Floats | None = None,
    like: _Procedure | None = None,
) -> _Procedure:
    """Fit on each inner fold with the inputs that it keeps, and score whom it held out.

    `like` gives the result where no pair is found.
    """
    log_odds = np.empty(len(left)) if like is None else like.log_odds.copy()
    found = []
    for fold in inner:
        kept = fold.kept(given_up)
        mine, theirs = seen.part(fold.training).only(kept), seen.part(fold.held_out).only(kept)
        answers = left[fold.training]
        weight = None if weights is None else weights[fold.training]
        fitted: Additive | None = None
        chosen: list[Found] = []
        if with_pairs:
            if not fold.protected:
                if like is not None:
                    continue
            else:
                fitted = fit_additive(mine, answers, weight)
                chosen, _ = pairs.screen(mine.grids, fitted.mains(mine), answers.astype(float))
                chosen = chosen[: pairs.MOST_PAIRS]
        if fitted is None:
            fitted = fit_additive(mine, answers, weight)
        fitted = add_pairs(mine, answers, fitted, chosen, weight)
        log_odds[fold.held_out] = fitted.log_odds(theirs)
        for table in fitted.tables:
            pair = (kept[table.found.first], kept[table.found.second])
            found.append((pair, fold.held_out, table.over(theirs)))
    link = fit_link(log_odds, left)
    return _Procedure(
        log_odds=log_odds, link=link, losses=link.losses(log_odds, left), found=tuple(found)
    )


def _gains(procedure: _Procedure, left: Ints) -> dict[tuple[int, int], float]:
    """Pairs that most folds found and that help, with how much each lowers the log loss."""
    counts = Counter(pair for pair, _, _ in procedure.found)
    gains = {}
    for pair, count in counts.items():
        if count < OFTEN:
            continue
        differences = []
        for other, rows, own in procedure.found:
            if other == pair:
                log_odds = procedure.log_odds[rows]
                without = procedure.link.losses(log_odds - own, left[rows])
                differences.append(without - procedure.link.losses(log_odds, left[rows]))
        gained = np.concatenate(differences)
        if gained.mean() > gained.std() / np.sqrt(len(gained)):
            gains[pair] = float(gained.mean())
    return gains


def _clearly_lower(losses: Floats, others: Floats) -> bool:
    """Whether the mean is lower by more than the standard error of the difference."""
    difference = others - losses
    return bool(difference.mean() > difference.std() / np.sqrt(len(difference)))


def _tells(log_odds: Floats, left: Ints) -> bool:
    """Whether leavers are ranked above stayers, beyond chance (Mann and Whitney, 1947)."""
    if np.ptp(log_odds) == 0:
        return False
    p_value = mannwhitneyu(
        log_odds[left == 1], log_odds[left == 0], alternative="greater", method="asymptotic"
    ).pvalue
    return bool(p_value < CHANCE)


def _nothing_learnable() -> TrainingError:
    return TrainingError(
        {
            "en": "These columns tell nothing about who leaves: on employees that it has not seen,"
            " a model does no better than the company’s average.",
            "fr": "Ces colonnes n’apprennent rien sur les départs\u00a0: sur des collaborateurs"
            " qu’il n’a pas vus, un modèle ne fait pas mieux que la moyenne de l’entreprise.",
        }
    )


# ------------------------------------------------------------------ report


def _figure(value: float) -> float:
    return round(float(value), 6)


def _selection(
    seen: Seen,
    left: Ints,
    inner: Sequence[_Fold],
    losses: Floats,
    order: Sequence[int],
    kept: Sequence[int],
    given_up: int,
) -> dict[str, Any]:
    """What the choice of inputs rests on, for the model's card."""
    features = seen.schema.features
    errors = losses.std(axis=1) / np.sqrt(len(left))
    path = [
        {
            "inputs": len(order) - removed,
            "removed": features[order[removed - 1]].name if removed else None,
            "log_loss": _figure(losses[removed].mean()),
            "se": _figure(errors[removed]),
        }
        for removed in range(len(order))
    ]
    cost = {
        features[j].name: {
            "label": dict(features[j].label),
            "log_loss": _figure(_cost(seen, left, inner, kept, j)),
        }
        for j in order
        if j not in kept
    }
    return {
        "rule": "one standard error of the difference",
        "path": path,
        "cost": cost,
        "kept": len(kept),
        "kept_by_breiman": len(order) - fewest(losses, paired=False),
    }


def _cost(seen: Seen, left: Ints, inner: Sequence[_Fold], kept: Sequence[int], other: int) -> float:
    """How much lower the inner log loss of the spline regression is with one more input."""
    columns, slices = seen.columns[_SPLINES], seen.designs[_SPLINES].slices
    own = np.concatenate([np.arange(slices[j].start, slices[j].stop) for j in kept])
    more = np.concatenate([own, np.arange(slices[other].start, slices[other].stop)])
    total = 0.0
    for fold in inner:
        training, held_out = fold.training, fold.held_out
        answers, theirs = left[training].astype(np.float64), left[held_out]
        for used, sign in ((own, 1), (more, -1)):
            ridge = fit_ridge(columns[np.ix_(training, used)], answers, penalty=PENALTY, steps=6)
            eta = ridge.log_odds(columns[np.ix_(held_out, used)])
            total += sign * float((np.logaddexp(0.0, eta) - theirs * eta).sum())
    return total / len(left)


def _compiled(
    data: TrainingSet,
    seen: Seen,
    left: Ints,
    fitted: Additive,
    link: Link,
    model: GlassBoxModel,
) -> dict[str, float]:
    """How far the tables are from the learners, on the training employees."""
    served = model.score_frame(data.frame).probability
    behind = link.probability(fitted.log_odds(seen))
    auc_gap = abs(float(roc_auc_score(left, served) - roc_auc_score(left, behind)))
    return {
        "largest_probability_gap": float(f"{np.max(np.abs(served - behind)):.0e}"),
        "roc_auc_gap": float(f"{auc_gap:.0e}"),
    }
