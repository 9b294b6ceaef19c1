"""The first page: where everyone stands, for who may read of it; else what can be done here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.reader import language, person, personal
from mlcore import registry
from mlcore.engine.schema import FeatureSchema
from mlcore.models import ModelVersion
from predictions.models import Batch, Prediction
from predictions.models.batch import AT_WORK, WAITING
from predictions.overview import keeping
from predictions.overview.account import active_model
from predictions.overview.comparison import comparison
from predictions.overview.drivers import drivers
from predictions.overview.levels import levels
from predictions.overview.movement import movement

_RECENT = 8
EVERYONE = "all"
"""What `people` is in the address to count who is no longer among the workforce, too."""


@require_safe
@personal
def home(request: HttpRequest) -> HttpResponse:
    """The dashboard, or what can be done here by who may not read of anyone."""
    reader = person(request)
    if not reader.get_all_permissions():
        return render(request, "no_role.html", status=403)
    active = active_model()
    if not reader.has_perm("predictions.view_prediction"):
        return render(request, "home.html", {"ready": active is not None})
    recent = list(Prediction.objects.visible_to(reader).for_history()[:_RECENT])
    newest = Batch.objects.finished().first()
    standing = keeping.standing(
        recent[0].created_at if recent else None, newest.pk if newest else None
    )
    content = standing.overview.content if standing.overview else None
    context: dict[str, Any] = {
        "ready": active is not None,
        "recent": recent,
        "pending": _pending(reader),
        "standing": standing,
        **_last_file(content, newest),
    }
    if content:
        context |= _pictures(content, active, request.GET, context["last_file"])
    return render(request, "overview/dashboard.html", context)


def _last_file(content: Mapping[str, Any] | None, newest: Batch | None) -> dict[str, Any]:
    """The last file of the workforce; where there is none, the one that ended last."""
    told = content["workforce"] if content else None
    if told is None:
        return {"last_file": newest, "corrected": 0, "since": 0}
    file = told["files"][0]
    last = newest if newest and newest.pk == file else Batch.objects.filter(pk=file).first()
    return {"last_file": last, **{key: told[key] for key in ("refused", "corrected", "since")}}


def _pending(person: User) -> list[Batch]:
    """The files of this person that are at work, or wait for them."""
    if not person.has_perm("predictions.assess_by_file"):
        return []
    theirs = Batch.objects.filter(uploaded_by=person, state__in=(*AT_WORK, *WAITING))
    return list(theirs.only("name", "state").order_by("-uploaded_at", "-id"))


def _pictures(
    content: Mapping[str, Any],
    active: registry.ActiveModel | None,
    query: QueryDict,
    last_file: Batch | None,
) -> dict[str, Any]:
    """What an account says, of those present or of everyone, as the address asks."""
    schema, version = _model(content["model"], active)
    present = content["present"]
    everyone = present is None or query.get("people") == EVERYONE
    counted = content if everyone else {**content, **present}
    found = levels(counted)
    return {
        "levels": found,
        "everyone": everyone,
        "missing": content["people"] - present["people"] if present else 0,
        "movement": movement(content),
        "comparison": comparison(
            counted,
            schema=schema,
            by=query.get("by", ""),
            share=found.share,
            language=language(),
            file=None if everyone else last_file,
        ),
        "drivers": drivers(counted, schema=schema, language=language()) if schema else None,
        "model_version": version,
    }


def _model(pk: int | None, active: registry.ActiveModel | None) -> tuple[FeatureSchema | None, str]:
    """The schema and the version of the account's model, by which its names are read."""
    if active and active.id == pk:
        return active.schema, active.version
    version = ModelVersion.objects.filter(pk=pk).first() if pk else None
    return (registry.schema_of(version), version.version) if version else (None, "")
