"""Where the levels of risk began for a stored prediction.

A prediction records its threshold and its level. Where the other levels began stands in HR's
decisions of that time, or in the model's own files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from mlcore import registry
from mlcore.engine.artifact import ArtifactError
from mlcore.engine.operating import OperatingPoint
from mlcore.models import OperatingDecision
from predictions.models import Prediction

# A process learns of a decision within seconds, and two machines' clocks may differ.
_FOLLOWING = timedelta(minutes=1)
_MOST_KEPT = 32

# By the hash of a model, its files' own point; None where they cannot be read.
_own: dict[str, OperatingPoint | None] = {}


def points_of(predictions: Sequence[Prediction]) -> list[OperatingPoint]:
    """The operating point that each prediction was judged by, in their order.

    One query, and one more for each model that this process has not met. Each has the prediction's
    recorded threshold; when nobody knows any more where its other levels began, they begin where a
    point with that threshold has them.
    """
    versions = {prediction.model_version_id for prediction in predictions}
    decisions: dict[int, list[OperatingDecision]] = defaultdict(list)
    for decision in OperatingDecision.objects.filter(model_version__in=versions):
        decisions[decision.model_version_id].append(decision)
    return [_point(each, decisions[each.model_version_id]) for each in predictions]


def _point(prediction: Prediction, newest_first: list[OperatingDecision]) -> OperatingPoint:
    # A file is judged to its last row by what was in force when it was begun.
    batch = prediction.batch
    moment = (batch.started_at if batch else None) or prediction.created_at
    for decision in newest_first:
        in_force = decision.decided_at <= moment + _FOLLOWING
        if in_force and decision.threshold == prediction.threshold:
            return decision.operating_point
    own = _own_point(prediction)
    if own is not None and own.threshold == prediction.threshold:
        return own
    return OperatingPoint.at(prediction.threshold)


def _own_point(prediction: Prediction) -> OperatingPoint | None:
    sha256 = prediction.model_sha256
    if held := registry.in_memory(sha256):
        return held.operating_point
    if sha256 not in _own:
        if len(_own) >= _MOST_KEPT:
            _own.clear()
        try:
            _own[sha256] = registry.load(prediction.model_version_id, sha256).operating_point
        except ArtifactError:
            _own[sha256] = None
    return _own[sha256]
