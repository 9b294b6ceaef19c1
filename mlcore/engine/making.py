"""The making of an artifact: prepare, fit, compile, evaluate, describe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mlcore.engine import evaluation
from mlcore.engine.artifact import Artifact
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.training import TrainingSet, compile_model, fit, prepare

# Missing one leaver costs as much as this many needless conversations, until HR says otherwise.
CONVERSATIONS_PER_LEAVER = 3.0


def make(plan: TrainingPlan, columns: Mapping[str, Sequence[object]]) -> Artifact:
    """Train on a table, given by the headers of its file; the same table gives the same artifact.

    Raises `TrainingError` when no model can be learned from it.
    """
    # Sums in another order differ in their last bits: one thread gives one order.
    with threadpool_limits(1):
        data = prepare(plan, columns)
        pipeline = fit(data.schema, data.features, data.left)
        model = compile_model(data.schema, pipeline, data)
        served = model.score_frame(data.frame).probability
        largest_gap = float(np.max(np.abs(served - pipeline.probability(data.features))))
        card = _card(plan, data, evaluation.evaluate(data), largest_gap)
    point = OperatingPoint.from_costs(CONVERSATIONS_PER_LEAVER)
    return Artifact(data.schema, model, point, card)


def _card(
    plan: TrainingPlan, data: TrainingSet, measured: evaluation.Evaluation, largest_gap: float
) -> dict[str, Any]:
    return {
        "name": plan.name,
        "title": dict(plan.title),
        "source": dict(plan.source),
        "rows": len(data.left),
        "leavers": int(data.left.sum()),
        "data_sha256": _fingerprint(data),
        "target": {"column": plan.target, "leaver": plan.leaver},
        "inputs": [feature.name for feature in data.schema.features],
        "audit_attributes": [feature.name for feature in data.schema.audit],
        "left_out": {column: dict(why) for column, why in plan.left_out.items()},
        "method": "mean in log-odds of a power-transformed logistic regression, a spline logistic"
        " regression and boosted stumps, compiled to one table per feature",
        "evaluation": {
            "protocol": f"{evaluation.FOLDS} folds x {evaluation.REPEATS} repeats, stratified,"
            f" seed {evaluation.SEED}; the compiled model is scored",
            "metrics": measured.summary(),
        },
        "compiled_largest_probability_gap": float(f"{largest_gap:.0e}"),
        "operating_point": {"conversations_per_leaver": CONVERSATIONS_PER_LEAVER},
        "trained_with": {name: version(name) for name in ("numpy", "scikit-learn")},
    }


def _fingerprint(data: TrainingSet) -> str:
    """Hash of the cleaned inputs and answers: names the data without keeping it."""
    content = json.dumps([data.frame.inputs, data.left.tolist()], separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
