"""HR sets a model's operating point: from which risk on a conversation is called for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.activation import allowed, given_reason, moment_after, one_at_a_time
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Basis, ModelVersion, OperatingDecision
from mlcore.refusals import RefusedError

if TYPE_CHECKING:
    from accounts.models import User


def decide_operating_point(
    *,
    version: ModelVersion,
    point: OperatingPoint,
    basis: Basis,
    basis_value: float,
    reason: str,
    by: User,
) -> OperatingDecision:
    """From now on `version` is judged by `point`; what was predicted before stays as it was.

    `basis` and `basis_value` say what the point was derived from. Other processes follow within
    `MODEL_REFRESH_SECONDS`. Raises `RefusedError`.
    """
    reason = given_reason(reason)
    allowed(by)
    if not (math.isfinite(basis_value) and basis_value > 0):
        raise RefusedError(_("Enter a number above zero."))
    moderate_from, threshold, very_high_from = point.bounds
    with transaction.atomic():
        one_at_a_time()
        last = version.operating_decisions.first()
        decision = OperatingDecision.objects.create(
            model_version=version,
            moderate_from=moderate_from,
            threshold=threshold,
            very_high_from=very_high_from,
            basis=Basis(basis),
            basis_value=basis_value,
            reason=reason,
            decided_by=by,
            decided_at=moment_after(last.decided_at if last else None),
        )
        transaction.on_commit(registry.forget)
    registry.forget()
    return decision
