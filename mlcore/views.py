"""The pages where models are read: which there are, what each can do, two side by side."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.reader import language
from mlcore import comparison, registry, services
from mlcore.cards import card
from mlcore.cards import side_by_side as card_compare
from mlcore.engine.artifact import ArtifactError
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.words import say
from mlcore.forms import CompareForm, DateForm
from mlcore.models import (
    Activation,
    ActivationProposal,
    ModelVersion,
    ModelVersionQuerySet,
    ProposalState,
    TrainingFile,
)
from mlcore.refusals import RefusedError
from mlcore.trainings.files import FileErasedError

_logger = logging.getLogger(__name__)

MODELS_PER_PAGE = 25
ACTIVATIONS_SHOWN = 20

# A program reads the active model through the API: it has the first permission, and no pages.
reads_models: Callable[..., Any] = permission_required(
    ("mlcore.view_modelversion", "mlcore.view_activation"), raise_exception=True
)


def light() -> ModelVersionQuerySet:
    """Versions without their large columns."""
    return ModelVersion.objects.defer("schema", "card")


def current_activation() -> Activation | None:
    """What is active now, with who put it to work."""
    return (
        Activation.objects.filter(is_current=True)
        .select_related("model_version", "activated_by", "approved_by")
        .defer("model_version__schema")
        .first()
    )


# ------------------------------------------------------------------ the registry


@reads_models
@require_safe
def registry_page(request: HttpRequest) -> HttpResponse:
    """Every model: the active one first, what waits for an answer, and what was active when."""
    versions = (
        light()
        .select_related("registered_by")
        .with_state()
        .annotate(
            **{
                name: F(f"card__{path}")
                for name, path in {
                    "words": "title",
                    "rows": "rows",
                    "leavers": "leavers",
                    "metrics": "evaluation__metrics",
                }.items()
            }
        )
    )
    page = Paginator(versions, MODELS_PER_PAGE).get_page(request.GET.get("page"))
    current = current_activation()
    asked = "on" in request.GET
    form = DateForm(request.GET if asked else None)
    return render(
        request,
        "models/registry.html",
        {
            "page": page,
            "models": [(version, _title(version)) for version in page.object_list],
            "current": current,
            "current_title": current.model_version.title(language()) if current else "",
            "proposals": ActivationProposal.objects.filter(state=ProposalState.OPEN)
            .select_related("model_version", "proposed_by")
            .defer("model_version__schema", "model_version__card"),
            "previous": _previous(),
            "activations": list(_activations()[: ACTIVATIONS_SHOWN + 1]),
            "activations_shown": ACTIVATIONS_SHOWN,
            "activations_slice": f":{ACTIVATIONS_SHOWN}",
            "form": form,
            "answer": _active_on(form.cleaned_data["on"]) if asked and form.is_valid() else None,
        },
    )


def _title(version: Any) -> str:
    return say(version.words or {}, language(), version.version)


def _previous() -> ModelVersion | None:
    return services.previous()


def _activations() -> QuerySet[Activation]:
    return Activation.objects.select_related("model_version", "activated_by", "approved_by").defer(
        "model_version__schema", "model_version__card"
    )


def _active_on(day: date) -> dict[str, Any]:
    """What was active when a day began, and what was put to work on that day: with the format of
    its time, exact to the second where two share a minute."""
    start = timezone.make_aware(datetime.combine(day, time.min))
    end = timezone.make_aware(datetime.combine(day, time.max))
    changes = list(
        _activations()
        .filter(activated_at__gt=start, activated_at__lte=end)
        .order_by("activated_at", "id")
    )
    minutes = Counter(_minute(change) for change in changes)
    return {
        "day": day,
        "future": start > timezone.now(),
        "before": registry.active_at(start),
        "changes": [
            (change, "H:i:s" if minutes[_minute(change)] > 1 else "H:i") for change in changes
        ],
        "zone": timezone.get_current_timezone_name(),
    }


def _minute(activation: Activation) -> datetime:
    return activation.activated_at.replace(second=0, microsecond=0)


# ------------------------------------------------------------------ one model


def find(version: str) -> ModelVersion:
    """The version of this name, its card included."""
    return get_object_or_404(
        ModelVersion.objects.select_related("registered_by").with_state(), version=version
    )


def point_of(version: ModelVersion, kept: OperatingPoint | None) -> OperatingPoint:
    """The operating point that holds for a model: the newest decision, else the model's own."""
    if decision := version.operating_decisions.first():
        return decision.operating_point
    if kept:
        return kept
    wanted = version.card.get("operating_point", {}).get("conversations_per_leaver", 3.0)
    return OperatingPoint.from_costs(wanted)


def loaded(version: ModelVersion) -> tuple[GlassBoxModel | None, OperatingPoint | None, str]:
    """A model's tables and its own operating point; or why they cannot be read."""
    try:
        read = registry.load(version.pk, version.sha256)
    except ArtifactError as error:
        return None, None, str(error)
    return read.model, read.operating_point, ""


@reads_models
@require_safe
def card_page(request: HttpRequest, version: str) -> HttpResponse:
    """All about one model: what it can do, first; how it came about, last."""
    found: Any = find(version)
    model, kept, damage = loaded(found)
    schema, point = registry.schema_of(found), point_of(found, kept)
    try:
        page = card.read(found.card, schema=schema, model=model, point=point, language=language())
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        # A card made elsewhere can contradict itself, whatever its shape: it is still told of.
        _logger.warning("The card of %s cannot be shown: %r", found, error)
        damage = damage or _("Its card contradicts itself: only the file of it can be shown.")
        page = card.read({}, schema=schema, model=model, point=point, language=language())
    return render(
        request,
        "models/card.html",
        {
            "version": found,
            "page": page,
            "damage": damage,
            "activations": found.activations.select_related("activated_by", "approved_by"),
        },
    )


@reads_models
@require_safe
def card_json(request: HttpRequest, version: str) -> HttpResponse:
    """The card as it is stored."""
    found = find(version)
    body = json.dumps(found.card, ensure_ascii=False, indent=2)
    response = HttpResponse(body, content_type="application/json")
    name = get_valid_filename(f"{found.version}-card.json")
    response["Content-Disposition"] = f'inline; filename="{name}"'
    return response


# ------------------------------------------------------------------ two models


def _fill_in(given: QueryDict, versions: list[str]) -> None:
    """Where no two models are named: the active one, beside the newest other one.

    `versions` are all there are, the newest first.
    """
    current = current_activation()
    first = [current.model_version.version] if current else []
    for name, other in (("champion", "challenger"), ("challenger", "champion")):
        if name not in given:
            left = (v for v in (*first, *versions) if v != given.get(other))
            if chosen := next(left, None):
                given[name] = chosen


@reads_models
@require_safe
@never_cache
def compare(request: HttpRequest) -> HttpResponse:
    """Two models' figures side by side; on the same rows where such rows are kept."""
    versions = [
        (version.version, f"{_title(version)} · {version.version}")
        for version in light().annotate(words=F("card__title"))
    ]
    given = request.GET.copy()
    _fill_in(given, [version for version, _words in versions])
    ready = bool(given.get("champion") and given.get("challenger"))
    may_see_rows = request.user.has_perm("mlcore.train_model")
    files = TrainingFile.objects.filter(erased_at=None).defer("content") if may_see_rows else None
    form = (
        CompareForm(versions, files, data=given)
        if ready
        else CompareForm(versions, files, initial=given.dict())
    )
    sides = same = None
    refused = ""
    if ready and form.is_valid():
        champion, challenger = (
            find(form.cleaned_data[name]) for name in ("champion", "challenger")
        )
        sides = card_compare.side_by_side(champion, challenger, language())
        if file := form.cleaned_data.get("file"):
            try:
                same = card_compare.same_rows(
                    comparison.compare_on(file, champion=champion, challenger=challenger)
                )
            except RefusedError as error:
                refused = str(error)
            except FileErasedError:
                refused = _("This file was erased meanwhile. Bring it again to compare on it.")
            except ArtifactError:
                refused = _("The files of one of the two are not what was recorded.")
    return render(
        request,
        "models/compare.html",
        {
            "form": form,
            "sides": sides,
            "same": same,
            "refused": refused,
            "many": len(versions) > 1,
        },
    )
