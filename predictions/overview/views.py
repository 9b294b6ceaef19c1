"""The first page: where everyone stands, for who may read of it; else what can be done here."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from accounts.models import User
from mlcore import registry
from mlcore.engine.schema import FeatureSchema
from mlcore.models import ModelVersion
from predictions.models import Batch, Overview, Prediction
from predictions.models.batch import AT_WORK, WAITING
from predictions.overview import keeping
from predictions.overview.account import active_model
from predictions.overview.comparison import comparison
from predictions.overview.drivers import drivers
from predictions.overview.levels import levels
from predictions.overview.movement import movement

_RECENT = 8


@require_safe
@cache_control(private=True, no_store=True)
def home(request: HttpRequest) -> HttpResponse:
    """The dashboard, or what can be done here by who may not read of anyone."""
    person = cast(User, request.user)
    if not person.get_all_permissions():
        return render(request, "no_role.html", status=403)
    active = active_model()
    if not person.has_perm("predictions.view_prediction"):
        return render(request, "home.html", {"ready": active is not None})
    recent = list(Prediction.objects.visible_to(person).for_history()[:_RECENT])
    last_file = Batch.objects.finished().first()
    standing = keeping.standing(
        recent[0].created_at if recent else None, last_file.pk if last_file else None
    )
    context: dict[str, Any] = {
        "ready": active is not None,
        "recent": recent,
        "last_file": last_file,
        "pending": _pending(person),
        "standing": standing,
    }
    if standing.overview:
        context |= _pictures(standing.overview, active, request.GET.get("by", ""))
    return render(request, "overview/dashboard.html", context)


def _pending(person: User) -> Batch | None:
    """The file of this person that is at work, or waits for them."""
    if not person.has_perm("predictions.assess_by_file"):
        return None
    return (
        Batch.objects.filter(uploaded_by=person, state__in=(*AT_WORK, *WAITING))
        .order_by("-uploaded_at", "-id")
        .first()
    )


def _pictures(overview: Overview, active: registry.ActiveModel | None, by: str) -> dict[str, Any]:
    content, language = overview.content, get_language() or "en"
    schema, version = _model(content["model"], active)
    everyone = levels(content)
    return {
        "levels": everyone,
        "movement": movement(content),
        "comparison": comparison(
            content, schema=schema, by=by, share=everyone.share, language=language
        ),
        "drivers": drivers(content, schema=schema, language=language) if schema else None,
        "model_version": version,
    }


def _model(pk: int | None, active: registry.ActiveModel | None) -> tuple[FeatureSchema | None, str]:
    """The schema and the version of the account's model, by which its names are read."""
    if active and active.id == pk:
        return active.schema, active.version
    version = ModelVersion.objects.filter(pk=pk).first() if pk else None
    return (registry.schema_of(version), version.version) if version else (None, "")
