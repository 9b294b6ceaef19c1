"""HR sets a model's operating point: from which risk on a conversation is called for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from mlcore import registry
from mlcore.activation import allowed, given_reason, moment_after, one_at_a_time
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Basis, ModelVersion, OperatingDecision
from mlcore.refusals import RefusedError
from mlcore.templatetags.figures import counted, exact, whole

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
    workforce: int | None = None,
) -> OperatingDecision:
    """From now on `version` is judged by `point`; what was predicted before stays as it was.

    `basis` and `basis_value` say what the point was derived from, and `workforce` of how many
    people: a number of conversations alone says of no share. Other processes follow within
    `MODEL_REFRESH_SECONDS`. Raises `RefusedError`.
    """
    reason = given_reason(reason)
    allowed(by)
    if not (math.isfinite(basis_value) and basis_value > 0):
        raise RefusedError(_("Enter a number above zero."))
    if workforce is not None and workforce < 1:
        raise RefusedError(_("Enter how many people work for you."))
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
            workforce=workforce,
            reason=reason,
            decided_by=by,
            decided_at=moment_after(last.decided_at if last else None),
        )
        transaction.on_commit(registry.forget)
    registry.forget()
    return decision


def because(decision: OperatingDecision) -> str:
    """What a decision was derived from, in words and with every digit."""
    value = decision.basis_value
    said = exact(value)
    if decision.basis == Basis.COST:
        return ngettext(
            "a missed leaver costs as much as {n} needless conversation",
            "a missed leaver costs as much as {n} needless conversations",
            counted(value),
        ).format(n=said)
    if decision.workforce is None:
        return ngettext(
            "{n} conversation a month", "{n} conversations a month", counted(value)
        ).format(n=said)
    return ngettext(
        "{n} conversation a month, for a workforce of {workforce}",
        "{n} conversations a month, for a workforce of {workforce}",
        counted(value),
    ).format(n=said, workforce=whole(decision.workforce))
