"""The pages where something is decided about models; each decision is one service."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.reader import language
from mlcore import activation, registry, services, uploads
from mlcore.cards.asked import changes
from mlcore.cards.curves import list_curve
from mlcore.engine import artifact, operating
from mlcore.engine.artifact import ArtifactError
from mlcore.engine.operating import Operating, OperatingPoint, Outcome
from mlcore.engine.words import say
from mlcore.forms import (
    ActivationForm,
    ImportForm,
    NoteForm,
    OperatingForm,
    OperatingReasonForm,
    RollBackForm,
)
from mlcore.models import Activation, Basis, ModelVersion, OperatingDecision, ProposalState
from mlcore.operating_decisions import because
from mlcore.refusals import RefusedError
from mlcore.views import current_activation, find, light, loaded, point_of, reads_models

# Of a list, as shares of the workforce.
_LENGTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)

_activates = permission_required("mlcore.activate_model", raise_exception=True)
_trains = permission_required("mlcore.train_model", raise_exception=True)


def _person(request: HttpRequest) -> User:
    """Who is asking: `LoginRequiredMiddleware` let nobody else in."""
    return cast(User, request.user)


def _damaged() -> str:
    return _(
        "The files of this model are not what was recorded. It stays idle: tell who runs this."
    )


# ------------------------------------------------------------------ which model works


@_activates
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def activate(request: HttpRequest, version: str) -> HttpResponse:
    """Propose a model or, where nobody else could approve, put it to work; answer a proposal."""
    found: Any = find(version)
    proposal = (
        found.proposals.filter(state=ProposalState.OPEN).select_related("proposed_by").first()
    )
    action = request.POST.get("action", "")
    form = ActivationForm(request.POST if action == "propose" else None)
    note = NoteForm(request.POST if action in _ANSWERS else None)
    refused = ""
    try:
        if action == "propose" and form.is_valid():
            done = services.propose_activation(
                version=found, reason=form.cleaned_data["reason"], by=_person(request)
            )
            return _done(request, _proposed(done))
        if action in _ANSWERS and note.is_valid():
            _answer(request, action, found, note.cleaned_data["note"])
            return _done(request, _answered(action, found))
    except RefusedError as error:
        refused = str(error)
    except ArtifactError:
        refused = _damaged()
    current = current_activation()
    before = current.model_version if current else None
    _model, kept, damage = loaded(found)
    return render(
        request,
        "models/activate.html",
        {
            "version": found,
            "title": found.title(language()),
            "proposal": proposal,
            "mine": bool(proposal) and proposal.proposed_by_id == _person(request).pk,
            "second": activation.needs_a_second(_person(request)),
            "form": form,
            "note": note,
            "refused": refused,
            "damage": damage,
            "current": current,
            "changes": changes(registry.schema_of(before), registry.schema_of(found), language())
            if before
            else None,
            "point": point_of(found, kept),
            "decision": activation.newest_decision(found),
        },
    )


_ANSWERS: dict[str, Any] = {
    "approve": services.approve,
    "decline": services.decline,
    "withdraw": services.withdraw,
}


def _answer(request: HttpRequest, action: str, version: ModelVersion, note: str) -> None:
    """Answer the proposal that the person was shown. Raises as the services do."""
    proposal = version.proposals.filter(pk=_key(request, "proposal")).first()
    if proposal is None:
        raise RefusedError(activation.changed_meanwhile())
    shown = {"decision": _key(request, "decision")} if action == "approve" else {}
    _ANSWERS[action](proposal=proposal, by=_person(request), note=note, **shown)


def _key(request: HttpRequest, name: str) -> int:
    """The key of what the person was shown; -1 where the form does not say it."""
    given = request.POST.get(name, "")
    return int(given) if re.fullmatch("[0-9]{1,18}", given) else -1


def _proposed(done: Any) -> str:
    if isinstance(done, Activation):
        return _("{version} is active now.").format(version=done.model_version)
    return _("{version} is proposed. Another administrator has to approve it.").format(
        version=done.model_version
    )


def _answered(action: str, version: ModelVersion) -> str:
    words = {
        "approve": _("{version} is active now."),
        "decline": _("You declined {version}. It stays idle."),
        "withdraw": _("You withdrew your proposal of {version}."),
    }
    return words[action].format(version=version)


def _done(request: HttpRequest, message: str) -> HttpResponse:
    messages.success(request, message)
    return redirect("models:registry")


@_activates
@require_POST
def roll_back(request: HttpRequest) -> HttpResponse:
    """Return to the model that was active before, in one step."""
    form = RollBackForm(light(), data=request.POST)
    if not form.is_valid():
        messages.error(request, form.problem)
        return redirect("models:registry")
    try:
        done = services.roll_back(by=_person(request), **form.cleaned_data)
    except RefusedError as error:
        messages.error(request, str(error))
    except ArtifactError:
        messages.error(request, _damaged())
    else:
        messages.success(
            request,
            _("Rolled back: {version} is active again.").format(version=done.model_version),
        )
    return redirect("models:registry")


# ------------------------------------------------------------------ where the list begins


@reads_models
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def operating_point(request: HttpRequest, version: str) -> HttpResponse:
    """What a threshold leads to, tried out in the address; an administrator saves it with a POST.

    Whoever may read models may try a point out and share its address.
    """
    found = find(version)
    may_save = _person(request).has_perm(activation.PERMISSION)
    if request.method == "POST" and not may_save:
        return cast(HttpResponse, _activates(operating_point)(request, version))
    _model, kept, _damage = loaded(found)
    now = point_of(found, kept)
    stored = (found.card.get("evaluation") or {}).get("operating") or {}
    decisions = list(found.operating_decisions.select_related("decided_by")[:50])
    given = request.POST if request.method == "POST" else request.GET
    asked = "basis" in given
    form = OperatingForm(
        stored, data=given if asked else None, initial=_suggested(found, now, decisions)
    )
    reason = OperatingReasonForm(request.POST if request.method == "POST" else None)
    tried = form.point if stored and asked and form.is_valid() else None
    refused = ""
    if request.method == "POST" and tried and reason.is_valid():
        try:
            services.decide_operating_point(
                version=found,
                point=tried,
                basis=Basis(form.cleaned_data["basis"]),
                basis_value=form.basis_value,
                workforce=form.cleaned_data["workforce"],
                reason=reason.cleaned_data["reason"],
                by=_person(request),
            )
        except RefusedError as error:
            refused = str(error)
        else:
            messages.success(request, _("Saved. New assessments are judged by it."))
            return redirect("models:operating-point", found.version)
    shown = tried or now
    workforce = form.cleaned_data["workforce"] if tried else form.initial["workforce"]
    outcome = operating.outcome(stored, shown.threshold) if stored else None
    return render(
        request,
        "models/operating_point.html",
        {
            "version": found,
            "title": found.title(language()),
            "form": form,
            "reason": reason,
            "refused": refused,
            "may_save": may_save,
            "stored": stored,
            "tried": tried,
            "shown": shown,
            "now": now,
            "outcome": outcome,
            "now_outcome": operating.outcome(stored, now.threshold) if stored else None,
            "list": _scaled(outcome, float(workforce or 0)) if outcome else None,
            "others": _other_lengths(stored, float(workforce or 0)) if stored else [],
            "kept": [(name, given[name]) for name in form.fields if given.get(name)],
            "picture": list_curve(stored, outcome) if outcome else "",
            "decisions": [(decision, because(decision)) for decision in decisions],
        },
    )


def _scaled(outcome: Outcome, workforce: float) -> dict[str, float]:
    """What an outcome means for a workforce of this size, in people."""
    size = workforce / outcome.people
    parts = {
        "leavers": outcome.leavers_listed * size,
        "stayed": outcome.stayed * size,
        "missed": outcome.missed * size,
    }
    return parts | {
        "workforce": workforce,
        "listed": outcome.listed * size,
        "largest": max(parts.values()),
        "stayed_of_hundred": 100 - round(100 * outcome.precision) if outcome.listed else 0,
    }


def _other_lengths(stored: Operating, workforce: float) -> list[tuple[float, Outcome, float]]:
    """What longer and shorter lists would hold: threshold, outcome, people of this workforce."""
    found: dict[float, tuple[float, Outcome, float]] = {}
    for share in _LENGTHS:
        with suppress(ValueError):
            threshold = operating.for_capacity(stored, share)
            outcome = operating.outcome(stored, threshold)
            if outcome.listed:
                found[threshold] = threshold, outcome, outcome.share * workforce
    return list(found.values())


def _suggested(
    version: ModelVersion, now: OperatingPoint, decisions: list[OperatingDecision]
) -> dict[str, Any]:
    """What the form begins with: how the point that holds was decided on."""
    start: dict[str, Any] = {
        "basis": Basis.COST.value,
        "cost": round(1 / now.threshold - 1, 2),
        "workforce": version.card.get("rows", 1000),
    }
    if decisions:
        newest = decisions[0]
        start |= {"basis": newest.basis, newest.basis: newest.basis_value}
        start["workforce"] = newest.workforce or start["workforce"]
    return start


# ------------------------------------------------------------------ from and to elsewhere


@csrf_exempt  # `_import` is protected: the token is in the body, whose size is looked at first
@_trains
@require_http_methods(["GET", "HEAD", "POST"])
def import_model(request: HttpRequest) -> HttpResponse:
    """A model that another installation made: checked as data, registered, and left idle."""
    if uploads.too_large(request, artifact.LARGEST_ARCHIVE):
        form = ImportForm(data={})
        form.errors["file"] = form.error_class([form.too_large()])
        return render(request, "models/import.html", {"form": form}, status=413)
    return _import(request)


@csrf_protect
def _import(request: HttpRequest) -> HttpResponse:
    form = ImportForm()
    detail = ""
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                archive = form.cleaned_data["file"].read()
                version = services.import_model(archive, by=_person(request))
            except ArtifactError as error:
                form.add_error("file", say(error.words, language()))
                detail = str(error)
            else:
                messages.success(
                    request,
                    _("{version} is registered. It stays idle until someone activates it.").format(
                        version=version
                    ),
                )
                return redirect("models:card", version.version)
    return render(request, "models/import.html", {"form": form, "detail": detail})


@_trains
@require_safe
@never_cache
def export_model(request: HttpRequest, version: str) -> HttpResponse:
    """The files of a model as one archive: another installation imports it as it is."""
    found = get_object_or_404(light(), version=version)
    try:
        archive = registry.archive(found.pk, found.sha256)
    except ArtifactError:
        messages.error(
            request,
            _("The files of this model are not what was recorded: they cannot be downloaded."),
        )
        return redirect("models:card", found.version)
    response = HttpResponse(archive, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{found.version}.zip"'
    return response
