"""How good a model is, measured on employees that it has not seen.

Everything that learns is fitted inside the folds, and what is scored is the compiled model, not
the learners behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold

from mlcore.engine.training import TrainingSet, compile_model, fit

FOLDS, REPEATS, SEED = 10, 2, 0

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Each metric on each fold."""

    metrics: Mapping[str, list[float]]
    """`roc_auc`, `average_precision`, `brier`, `log_loss`, `calibration_error`: one per fold."""

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean and standard deviation over the folds, by metric."""
        return {
            name: {
                "mean": round(float(np.mean(values)), 6),
                "sd": round(float(np.std(values, ddof=1)), 6),
            }
            for name, values in self.metrics.items()
        }


def evaluate(data: TrainingSet) -> Evaluation:
    """Repeated stratified cross-validation: 10 folds × 2 repeats, seed 0."""
    features = data.features
    metrics: dict[str, list[float]] = {}
    pooled: list[tuple[Floats, NDArray[np.int64]]] = []
    splits = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=SEED)
    for seen, unseen in splits.split(features, data.left):
        training = data.part(seen)
        pipeline = fit(data.schema, training.features, training.left)
        model = compile_model(data.schema, pipeline, training)
        held_out = data.part(unseen)
        probability = model.score_frame(held_out.frame).probability
        pooled.append((probability, held_out.left))
        for name, value in measure(held_out.left, probability).items():
            metrics.setdefault(name, []).append(value)
    # A fold of 147 people is too small for a calibration curve: each repeat is measured whole.
    for start in range(0, FOLDS * REPEATS, FOLDS):
        repeat = pooled[start : start + FOLDS]
        metrics.setdefault("calibration_error", []).append(
            calibration_error(
                np.concatenate([left for _, left in repeat]),
                np.concatenate([probability for probability, _ in repeat]),
            )
        )
    return Evaluation(metrics=metrics)


def measure(left: NDArray[np.int64], probability: Floats) -> dict[str, float]:
    """Discrimination and accuracy of n probabilities against n answers."""
    return {
        "roc_auc": float(roc_auc_score(left, probability)),
        "average_precision": float(average_precision_score(left, probability)),
        "brier": float(brier_score_loss(left, probability)),
        "log_loss": float(log_loss(left, probability)),
    }


def calibration_error(left: NDArray[np.int64], probability: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size (Naeini et al., 2015): 0 is perfect."""
    order = np.argsort(probability, kind="stable")
    groups = np.array_split(order, bins)
    gaps = [len(g) * abs(float(left[g].mean() - probability[g].mean())) for g in groups]
    return sum(gaps) / len(left)
