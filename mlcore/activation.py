"""Which model works: proposed, approved, activated, rolled back.

Whatever is decided here is decided one at a time, in every process: each service locks the same
row first, and then looks again at what it was asked about.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.roles import ROLE_PERMISSIONS
from mlcore import registry
from mlcore.engine.artifact import ArtifactError
from mlcore.engine.soundness import UNSTORABLE
from mlcore.models import Activation, ActivationProposal, ModelVersion, ProposalState
from mlcore.refusals import RefusedError

if TYPE_CHECKING:
    from accounts.models import User

PERMISSION = "mlcore.activate_model"

_logger = logging.getLogger(__name__)


def activators() -> QuerySet[User]:
    """The active people who may put a model to work."""
    roles = [role.value for role, granted in ROLE_PERMISSIONS.items() if PERMISSION in granted]
    may = Q(groups__name__in=roles) | Q(is_superuser=True)
    people: QuerySet[User] = get_user_model()._default_manager.filter(may, is_active=True)
    return people.distinct()


def needs_a_second(by: User) -> bool:
    """Whether someone else could approve what `by` proposes, and therefore must."""
    return activators().exclude(pk=by.pk).exists()


# ------------------------------------------------------------------ with a second person


def propose_activation(
    *, version: ModelVersion, reason: str, by: User
) -> ActivationProposal | Activation:
    """Ask that a model be put to work; where nobody else could approve, it is done at once.

    Raises `RefusedError`, or `ArtifactError` when the model's files are not what was recorded.
    """
    reason = given_reason(reason)
    allowed(by)
    _load(version)
    with transaction.atomic():
        one_at_a_time()
        _refuse_the_active(version)
        if not needs_a_second(by):
            return _activate(version, reason=reason, by=by)
        if version.proposals.filter(state=ProposalState.OPEN).exists():
            raise RefusedError(_("This model is proposed already: it waits for an answer."))
        return ActivationProposal.objects.create(
            model_version=version, reason=reason, proposed_by=by
        )


def approve(
    *, proposal: ActivationProposal, by: User, note: str = "", decision: int | None = None
) -> Activation:
    """Put a proposed model to work, as a second person.

    `decision` is the key of the operating decision that the person was shown with the model; 0
    where there was none, and nothing where it was not looked at. Raises `RefusedError`, or
    `ArtifactError` when the model's files are not what was recorded: then the proposal stays open.
    """
    allowed(by)
    _load(proposal.model_version)
    with transaction.atomic():
        one_at_a_time()
        proposal = _still_open(proposal)
        if proposal.proposed_by_id == by.pk:
            raise RefusedError(_("You proposed this model: someone else must approve it."))
        if decision is not None and decision != newest_decision(proposal.model_version):
            raise RefusedError(changed_meanwhile())
        _close(proposal, ProposalState.APPROVED, by, note)
        return _activate(
            proposal.model_version,
            reason=proposal.reason,
            by=proposal.proposed_by,
            approved_by=by,
        )


def decline(*, proposal: ActivationProposal, by: User, note: str) -> ActivationProposal:
    """Answer no, as a second person, and say why. Raises `RefusedError`."""
    note = given_reason(note)
    allowed(by)
    with transaction.atomic():
        one_at_a_time()
        proposal = _still_open(proposal)
        if proposal.proposed_by_id == by.pk:
            raise RefusedError(_("You proposed this model: withdraw the proposal instead."))
        return _close(proposal, ProposalState.DECLINED, by, note)


def withdraw(*, proposal: ActivationProposal, by: User, note: str = "") -> ActivationProposal:
    """Take one's own proposal back. Raises `RefusedError`."""
    with transaction.atomic():
        one_at_a_time()
        proposal = _still_open(proposal)
        if proposal.proposed_by_id != by.pk:
            raise RefusedError(_("Only the person who proposed this model can withdraw it."))
        return _close(proposal, ProposalState.WITHDRAWN, by, note)


# ------------------------------------------------------------------ at once


def activate(*, version: ModelVersion, reason: str, by: User | None = None) -> Activation:
    """Put a model to work in place of the active one, without asking anyone else.

    For operators at the server, and for the installation itself; `by` is then nobody.
    Raises `RefusedError` without a reason, or `ArtifactError` when the model's files are not what
    was recorded: such a model stays idle.
    """
    reason = given_reason(reason)
    _load(version)
    with transaction.atomic():
        one_at_a_time()
        return _activate(version, reason=reason, by=by)


def previous() -> ModelVersion | None:
    """The model to which `roll_back` returns: the one at work before the active one.

    Whatever someone went back from is passed over: only a decision brings it to work again. So is
    a model whose files were never kept here.
    """
    kept = Q(model_version__files__isnull=False) | Q(is_current=True)
    told = Activation.objects.filter(kept).order_by("activated_at", "id")
    standing: list[int] = []  # models as they were put to work, without what was undone
    left: set[int] = set()  # those that someone went back from, and nobody decided on since
    for model, undoes in told.values_list("model_version_id", "undoes_id"):
        if undoes is None:
            left.discard(model)
            standing.append(model)
            continue
        # Back to one that stands already: all that came after it is undone.
        while standing and standing[-1] != model:
            left.add(standing.pop())
    if not standing:
        return None
    left.add(standing[-1])
    before = next((model for model in reversed(standing) if model not in left), None)
    if before is None:
        return None
    return ModelVersion.objects.defer("schema", "card").get(pk=before)


def roll_back(*, by: User | None, leaving: ModelVersion, reason: str = "") -> Activation:
    """Return to the model that was active before, at once: it was decided on once already.

    `leaving` is the model that the person saw as active. Someone else may have been faster, and a
    second click must not lead back further than one wanted.
    Raises `RefusedError`, or `ArtifactError` when that model's files are not what was recorded.
    """
    if by is not None:
        allowed(by)
    with transaction.atomic():
        one_at_a_time()
        undone = leaving.activations.filter(is_current=True).first()
        if undone is None:
            raise RefusedError(
                _("%(version)s is not active any more. Look again at what is.")
                % {"version": leaving.version}
            )
        version = previous()
        if version is None:
            raise RefusedError(_("No other model was active before: there is none to return to."))
        _load(version)
        reason = storable(reason) or _("Back to the model that was active before.")
        return _activate(version, reason=reason, by=by, undoes=undone)


# ------------------------------------------------------------------ what they share


def one_at_a_time() -> None:
    """Wait until nobody else decides anything about models; until the transaction's end.

    Any row that all of them lock will do, and whoever stores a prediction meanwhile is not kept
    waiting by this lock. (SQLite has one writer anyway.)
    """
    ModelVersion.objects.select_for_update(no_key=True).order_by("pk").only("pk").first()


def newest_decision(version: ModelVersion) -> int:
    """The key of the operating decision that holds for a model; 0 where there is none."""
    return version.operating_decisions.values_list("pk", flat=True).first() or 0


def changed_meanwhile() -> str:
    return _("What you were shown has changed meanwhile. Look at it again, then answer.")


def given_reason(reason: str) -> str:
    """The reason, trimmed. Raises `RefusedError` when there is none."""
    if not (reason := storable(reason)):
        raise RefusedError(_("Say why: the reason stays on record."))
    return reason


def storable(text: str) -> str:
    """A text without what no database takes, trimmed."""
    return UNSTORABLE.sub("", text).strip()


def allowed(by: User) -> None:
    """Raise `RefusedError` unless `by` may put models to work."""
    if not (by.is_active and by.has_perm(PERMISSION)):
        raise RefusedError(_("Only an administrator decides which model works, and how."))


def moment_after(last: datetime | None) -> datetime:
    """Now; or just after `last`, should another machine's clock be ahead of this one's."""
    now = timezone.now()
    return now if last is None or now > last else last + timedelta(microseconds=1)


def _load(version: ModelVersion) -> None:
    try:
        registry.load(version.pk, version.sha256)
    except ArtifactError as error:
        _logger.error("The model %s cannot be activated: %s", version, error)
        raise


def _still_open(proposal: ActivationProposal) -> ActivationProposal:
    fresh = ActivationProposal.objects.select_related("model_version", "proposed_by").get(
        pk=proposal.pk
    )
    if fresh.state != ProposalState.OPEN:
        raise RefusedError(
            _("This proposal is closed already: %(state)s.") % {"state": fresh.get_state_display()}
        )
    _refuse_the_active(fresh.model_version)
    return fresh


def _refuse_the_active(version: ModelVersion) -> None:
    if version.activations.filter(is_current=True).exists():
        raise RefusedError(_("This model is active already."))


def _close(
    proposal: ActivationProposal, state: ProposalState, by: User | None, note: str
) -> ActivationProposal:
    proposal.state, proposal.decided_by = state, by
    proposal.decided_at, proposal.note = timezone.now(), storable(note)
    proposal.save(update_fields=["state", "decided_by", "decided_at", "note"])
    return proposal


def _activate(
    version: ModelVersion,
    *,
    reason: str,
    by: User | None,
    approved_by: User | None = None,
    undoes: Activation | None = None,
) -> Activation:
    last = Activation.objects.order_by("-activated_at").first()
    Activation.objects.filter(is_current=True).update(is_current=False)
    activation = Activation.objects.create(
        model_version=version,
        activated_at=moment_after(last.activated_at if last else None),
        activated_by=by,
        approved_by=approved_by,
        undoes=undoes,
        reason=reason,
    )
    # What was asked for has come about by another way: there is nothing left to answer.
    for proposal in version.proposals.filter(state=ProposalState.OPEN):
        _close(proposal, ProposalState.WITHDRAWN, by, _("The model was activated without it."))
    # Whoever asks before the commit is told of the old one.
    transaction.on_commit(registry.forget)
    registry.forget()
    return activation
