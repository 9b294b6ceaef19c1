"""The product's model beside its peers on the same folds: how well it ranks, how long it takes.

Two histories: the public IBM file, and 15,000 simulated employees whose true probabilities are
known, with strong pairs. Peers are scikit-learn's, and the Explainable Boosting Machine of
interpret-core, which is a glass box too.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Probability = Any
Say = Callable[[str], None]

METRICS = ("roc_auc", "average_precision", "brier", "log_loss")


@dataclass
class Measured:
    """One model's figures over the folds."""

    metrics: list[dict[str, float]] = field(default_factory=list)
    pooled: list[tuple[Any, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def compare(say: Say, *, quick: bool) -> None:
    """Print both tables; `quick` takes fewer employees and folds."""
    from threadpoolctl import threadpool_limits

    import mlcore
    from mlcore.engine.learning import training
    from mlcore.public_data import ibm_columns
    from tests.engine.simulated import history

    with threadpool_limits(1):
        plan_file = Path(mlcore.__file__).parent / "bundled" / "ibm_plan.json"
        ibm = training.prepare(training.TrainingPlan.load(plan_file), ibm_columns())
        repeats = 1 if quick else 2
        splits = [f for seed in range(repeats) for f in training.folds(ibm, 10, seed)]
        say(f"IBM: {len(ibm.left):,} employees, 10 folds x {repeats} repeats")
        _table(say, ibm, splits[:2] if quick else splits, None, pairs=False)
        count = 3_000 if quick else 15_000
        made = history(count, seed=0)
        data = made.data
        say("")
        say(f"Simulated history: {count:,} employees, 5 folds, the true probabilities known")
        splits = training.folds(data, 5, 0)
        _table(say, data, splits[:1] if quick else splits, made.probability, pairs=True)


def _table(say: Say, data: Any, splits: Any, truth: Any, *, pairs: bool) -> None:
    from mlcore.engine.learning import training
    from mlcore.engine.learning.designs import codes

    matrix = codes(data.schema, data.frame.inputs)
    results: dict[str, Measured] = {}
    peers = _peers(data, matrix, pairs=pairs)
    for seen, unseen in splits:
        measured = results.setdefault("ours: glass box", Measured())
        started = time.process_time()
        model = training.train(data.part(seen)).model
        measured.seconds.append(time.process_time() - started)
        _measure(measured, data, unseen, model.score_frame(data.part(unseen).frame).probability)
        for name, peer in peers.items():
            measured = results.setdefault(name, Measured())
            started = time.process_time()
            score = peer(seen)
            measured.seconds.append(time.process_time() - started)
            _measure(measured, data, unseen, score(unseen))
        if truth is not None:
            _measure(results.setdefault("the truth", Measured()), data, unseen, truth[unseen])
    say(f"{'':<34}{'AUC':>8}{'AP':>8}{'Brier':>8}{'log loss':>10}{'ECE':>8}{'train s':>9}")
    for name, measured in results.items():
        means = [float(np.mean([m[metric] for m in measured.metrics])) for metric in METRICS]
        error = _calibration_error(
            np.concatenate([left for left, _ in measured.pooled]),
            np.concatenate([probability for _, probability in measured.pooled]),
        )
        seconds = f"{np.mean(measured.seconds):>9.1f}" if measured.seconds else f"{'-':>9}"
        say(
            f"{name:<34}{means[0]:>8.4f}{means[1]:>8.4f}{means[2]:>8.4f}{means[3]:>10.4f}"
            f"{error:>8.4f}{seconds}"
        )


def _measure(measured: Measured, data: Any, rows: Any, probability: Any) -> None:
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    left = data.left[rows]
    measured.pooled.append((left, probability))
    measured.metrics.append(
        {
            "roc_auc": float(roc_auc_score(left, probability)),
            "average_precision": float(average_precision_score(left, probability)),
            "brier": float(brier_score_loss(left, probability)),
            "log_loss": float(log_loss(left, probability)),
        }
    )


def _calibration_error(left: Any, probability: Any, bins: int = 10) -> float:
    """Over bins of equal size, all folds together."""
    groups = np.array_split(np.argsort(probability, kind="stable"), bins)
    gaps = [len(g) * abs(float(left[g].mean() - probability[g].mean())) for g in groups]
    return sum(gaps) / len(left)


def _peers(data: Any, matrix: Any, *, pairs: bool) -> dict[str, Any]:
    """By name, a function that trains on rows and returns one that scores rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    left = data.left
    choices = [feature.kind == "choice" for feature in data.schema.features]
    wide = _one_hot(matrix, choices)

    def trained(model: Any, columns: Any, rows: Any) -> Any:
        with warnings.catch_warnings():
            # The Explainable Boosting Machine warns that its own pictures leave out blanks.
            warnings.simplefilter("ignore")
            model.fit(columns[rows], left[rows])
        return lambda others: model.predict_proba(columns[others])[:, 1]

    peers: dict[str, Any] = {
        "logistic regression": lambda rows: trained(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)), wide, rows
        ),
        "random forest, 500 trees": lambda rows: trained(
            RandomForestClassifier(500, min_samples_leaf=3, random_state=0), wide, rows
        ),
        "gradient boosting, defaults": lambda rows: trained(
            HistGradientBoostingClassifier(categorical_features=choices, random_state=0),
            matrix,
            rows,
        ),
        "gradient boosting, small trees": lambda rows: trained(
            HistGradientBoostingClassifier(
                categorical_features=choices,
                learning_rate=0.05,
                max_iter=300,
                max_leaf_nodes=8,
                l2_regularization=5.0,
                random_state=0,
            ),
            matrix,
            rows,
        ),
    }
    try:
        from interpret.glassbox import ExplainableBoostingClassifier
    except ImportError:
        return peers
    kinds = ["nominal" if choice else "continuous" for choice in choices]
    for name, count in (("EBM, no pairs", 0), ("EBM, 10 pairs", 10)):
        if count and not pairs:
            continue

        def ebm(rows: Any, count: int = count) -> Any:
            machine = ExplainableBoostingClassifier(
                feature_types=kinds, interactions=count, random_state=0, n_jobs=1
            )
            return trained(machine, matrix, rows)

        peers[name] = ebm
    return peers


def _one_hot(matrix: Any, choices: list[bool]) -> Any:
    """For models that know neither choices nor blanks: a column per answer, and one per blank."""
    columns = []
    for place, choice in enumerate(choices):
        column = matrix[:, place]
        blank = np.isnan(column)
        if choice:
            columns += [column == code for code in np.unique(column[~blank])]
        else:
            columns.append(np.where(blank, np.nanmedian(column), column))
        if blank.any():
            columns.append(blank)
    return np.column_stack(columns).astype(np.float64)
