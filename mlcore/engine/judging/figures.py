"""The figures of a model's card, made of what was said of employees whom nobody had seen.

Every metric, curve and group rate comes of the same out-of-fold probabilities. What each means, and
where its formula comes from, is said in `docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore.engine.features import Feature
from mlcore.engine.judging import distributions, fairness, suppression
from mlcore.engine.judging.intervals import proportion
from mlcore.engine.judging.metrics import LIMITS, METRICS, Ranking, band, centred, resamples
from mlcore.engine.values import Value
from mlcore.engine.words import Words

RESAMPLES, SEED = 500, 0
MOST_GROUPS = 12  # of one audit attribute; the smaller ones are counted together
CURVE_POINTS = 101
_DIGITS = 4  # of a probability or a rate in the card
_METRIC_DIGITS = 6

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """What models said of employees that they had not seen, r times of each of n."""

    left: Ints
    """Shape (n,)."""
    groups: Ints
    """Equal for rows of one employee, and for duplicates; shape (n,)."""
    fold: Ints
    """In which fold an employee was held out, counted through all repeats; shape (r, n)."""
    probability: Floats
    """The compiled model's; shape (r, n)."""
    baselines: Mapping[str, Floats]
    """`base_rate` and `logistic_regression`: each of shape (r, n)."""

    @property
    def repeats(self) -> int:
        return len(self.probability)


_PROTOCOL: Words = {
    "en": "Cross-validation: {folds} folds × {repeats}, stratified, seed {seed}; all rows of one"
    " employee, and rows that repeat one another, stay together; everything that learns is fitted"
    " in the folds; the compiled model is scored; means over the folds; intervals of each repeat"
    " measured whole, from {resamples} bootstrap resamples of employees.",
    "fr": "Validation croisée\u00a0: {folds} plis × {repeats}, stratifiés, graine {seed}\u00a0;"
    " les lignes d’un même collaborateur et celles qui se répètent restent ensemble\u00a0; tout ce"
    " qui s’apprend est ajusté dans les plis\u00a0; le modèle compilé est évalué\u00a0; moyennes"
    " sur les plis\u00a0; intervalles calculés sur chaque répétition entière, par {resamples}"
    " rééchantillonnages bootstrap des collaborateurs.",
}


def describe(found: OutOfFold) -> dict[str, Any]:
    """The card's `evaluation`: JSON data, the same for the same probabilities."""
    rankings = [Ranking(found.left, probability) for probability in found.probability]
    drawn = resamples(found.groups, found.left, RESAMPLES, SEED)
    folds = len(np.unique(found.fold[0]))
    return {
        "protocol": {
            language: text.format(
                folds=folds, repeats=found.repeats, seed=SEED, resamples=RESAMPLES
            )
            for language, text in _PROTOCOL.items()
        },
        "metrics": _metrics(found, rankings, drawn),
        "baselines": {
            name: {
                metric: round(float(np.mean(values)), _METRIC_DIGITS)
                for metric, values in by_fold(found, probability).items()
            }
            for name, probability in found.baselines.items()
        },
        "curves": {
            "roc": _curve(rankings, drawn, Ranking.roc, np.linspace(0, 1, CURVE_POINTS)),
            "precision_recall": _curve(
                rankings, drawn, Ranking.precision, np.linspace(0, 1, CURVE_POINTS)[1:]
            ),
            "calibration": _calibration(found),
            "distribution": _distribution(found),
        },
        "operating": operating(found),
    }


def by_fold(found: OutOfFold, probability: Floats) -> dict[str, list[float]]:
    """Each metric on each fold of probabilities of shape (r, n).

    The calibration error is measured on each repeat whole: a fold is too small for its bins. A
    fold in which all left, or all stayed, ranks nobody and is not measured.
    """
    values: dict[str, list[float]] = {name: [] for name in METRICS}
    for folds, said in zip(found.fold, probability, strict=True):
        for fold in np.unique(folds):
            rows = folds == fold
            if len(np.unique(found.left[rows])) < 2:
                continue
            for name, value in Ranking(found.left[rows], said[rows]).measure().items():
                values[name].append(value)
        values["calibration_error"].append(Ranking(found.left, said).calibration_error())
    return values


def _metrics(
    found: OutOfFold, rankings: Sequence[Ranking], drawn: list[Floats]
) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over folds; the interval from resamples of employees.

    The interval is that of each repeat measured whole, for average precision is flattered by small
    folds: a leaver at the top of a short list counts for much. Where that carries the mean out of
    its interval, the interval is widened to hold it.
    """
    on_resamples: dict[str, Floats] = {
        name: np.mean(values, axis=0) for name, values in _resampled(rankings, drawn).items()
    }
    whole = _resampled(rankings, [np.ones(len(found.left))])
    summary = {}
    for name, values in by_fold(found, found.probability).items():
        mean = float(np.mean(values))
        low, high = centred(float(np.mean(whole[name])), on_resamples[name], LIMITS[name])
        # One repeat has one calibration error: its spread is that of the resamples.
        spread = np.std(values if len(values) > 1 else on_resamples[name], ddof=1)
        figures = {
            "mean": mean,
            "sd": float(spread),
            "low": min(low, mean),
            "high": max(high, mean),
        }
        summary[name] = {key: round(value, _METRIC_DIGITS) for key, value in figures.items()}
    return summary


def _resampled(rankings: Sequence[Ranking], drawn: list[Floats]) -> dict[str, list[list[float]]]:
    """Each metric, by repeat and resample."""
    values: dict[str, list[list[float]]] = {name: [] for name in METRICS}
    for ranking in rankings:
        measured = [ranking.measure(weights) for weights in drawn]
        errors = [ranking.calibration_error(weights) for weights in drawn]
        for name in METRICS:
            values[name].append(
                errors if name == "calibration_error" else [each[name] for each in measured]
            )
    return values


def _curve(
    rankings: Sequence[Ranking],
    drawn: list[Floats],
    draw: Callable[[Ranking, Floats, Floats], Floats],
    at: Floats,
) -> list[dict[str, float]]:
    def mean(weights: Floats) -> Floats:
        return np.asarray(np.mean([draw(each, at, weights) for each in rankings], axis=0))

    height = mean(np.ones(len(rankings[0].left)))
    low, high = band(mean, drawn)
    return [
        {
            "x": round(float(x), _DIGITS),
            "y": round(float(y), _DIGITS),
            "low": round(float(min(bottom, y)), _DIGITS),
            "high": round(float(max(top, y)), _DIGITS),
        }
        for x, y, bottom, top in zip(at, height, low, high, strict=True)
    ]


def _calibration(found: OutOfFold) -> list[dict[str, float]]:
    """Ten bins of equal size over all repeats; as sure as the employees in a bin are many."""
    pooled = Ranking(np.tile(found.left, found.repeats), found.probability.ravel())
    bins = []
    for size, predicted, observed in pooled.bins():
        people = size / found.repeats
        estimate = proportion(min(observed * people, people), people)
        bins.append(
            {
                "predicted": round(predicted, _DIGITS),
                "observed": round(observed, _DIGITS),
                "low": round(estimate.low, _DIGITS),
                "high": round(estimate.high, _DIGITS),
                "people": round(people, 1),
            }
        )
    return bins


def _distribution(found: OutOfFold) -> dict[str, list[float]]:
    """How many of those who stayed and of those who left got which probability."""
    edges = [round(edge * 0.025, 3) for edge in range(41)]
    counts = {
        name: np.histogram(found.probability[:, found.left == answer], edges)[0] / found.repeats
        for name, answer in (("stayed", 0), ("left", 1))
    }
    return {"edges": edges} | {name: _counts(each) for name, each in counts.items()}


def operating(found: OutOfFold) -> dict[str, list[float]]:
    """How many people have at least each risk, and how many of them left.

    Thresholds stand at each hundredth, and where each hundredth of the workforce ends; the first is
    0, which lists everyone, and the last lists nobody.
    """
    risks = found.probability.ravel()
    hundredths = np.arange(1, 100) / 100
    beyond = float(risks.max()) + 10.0**-_DIGITS
    last = beyond if beyond < 1 else (1 + float(risks.max())) / 2
    inner = np.round([*hundredths, *np.quantile(risks, hundredths)], _DIGITS)
    top = round(last, _DIGITS) if beyond < 1 else last
    thresholds = [0.0, *sorted({float(t) for t in inner if 0 < t < top}), top]
    return {
        "thresholds": thresholds,
        "listed": _counts(_listed(found.probability, thresholds)),
        "leavers": _counts(_listed(found.probability[:, found.left == 1], thresholds)),
    }


def by_group(
    attributes: Sequence[tuple[Feature, Sequence[Value]]],
    found: OutOfFold,
    thresholds: Sequence[float],
) -> dict[str, dict[str, Any]]:
    """The card's `fairness`: for each audit attribute its groups, as `fairness` reads them.

    What is not shown cannot be worked out from what is: see `suppression`.
    """
    described = {}
    for feature, column in attributes:
        shown = suppression.shown(
            distributions.groups(feature, column),
            fewest=fairness.FEWEST,
            most=MOST_GROUPS,
            ordered=feature.kind != "choice",
        )
        described[feature.name] = {
            "label": dict(feature.label),
            "groups": [_group(group, found, thresholds) for group in shown],
            "hidden": len(found.left) - sum(len(group.rows) for group in shown),
        }
    return described


def _group(
    group: distributions.Group, found: OutOfFold, thresholds: Sequence[float]
) -> dict[str, Any]:
    risk, left = found.probability[:, group.rows], found.left[group.rows]
    return {
        "value": group.value,
        "label": dict(group.label),
        "people": len(group.rows),
        "leavers": int(left.sum()),
        "mean_risk": round(float(risk.mean()), _DIGITS),
        "listed": _counts(_listed(risk, thresholds)),
        "leavers_listed": _counts(_listed(risk[:, left == 1], thresholds)),
    }


def _listed(probability: Floats, thresholds: Sequence[float]) -> Floats:
    """How many of n people have at least each risk, on average over r repeats."""
    counts = [
        probability.shape[1] - np.searchsorted(np.sort(said), thresholds) for said in probability
    ]
    return np.asarray(np.mean(counts, axis=0))


def _counts(counts: Floats) -> list[float]:
    """People, averaged over repeats; whole where they are."""
    rounded = (round(float(count), 2) for count in counts)
    return [int(count) if count.is_integer() else count for count in rounded]
