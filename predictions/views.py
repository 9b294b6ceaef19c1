"""The pages: the form and the history."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import translation
from django.utils.translation import check_for_language
from django.views.decorators.http import require_http_methods, require_safe

from accounts.reader import (
    keeps_what_is_typed,
    language,
    person,
    personal,
    remember_language,
)
from mlcore import registry
from mlcore.engine.soundness import UNSTORABLE
from mlcore.models import ModelVersion
from predictions import exports
from predictions.filters import PredictionFilter
from predictions.forms import (
    LANGUAGE_FIELD,
    MODEL_FIELD,
    EmployeeForm,
    carry_over,
    initial_values,
)
from predictions.models import Prediction, Source
from predictions.models.prediction import PredictionQuerySet
from predictions.pagination import CURSOR, cursor, read_cursor
from predictions.search import COUNTED, Search
from predictions.services import Request, predict

ROWS_PER_PAGE = 50
_TYPICAL = "typical"


def _visible(request: HttpRequest) -> PredictionQuerySet:
    return Prediction.objects.visible_to(person(request))


@permission_required("predictions.assess_by_form", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def assess(request: HttpRequest) -> HttpResponse:
    """The form of the active model; a valid one is assessed, stored, and then shown.

    `?from=<id>` starts from a stored prediction's values, `?from=typical` from typical ones. The
    reference and what is kept for fairness checks stay behind: they are of another employee.
    """
    active = registry.active()
    if chosen := request.POST.get(LANGUAGE_FIELD, ""):
        return _in_language(request, active, chosen)
    if request.method == "POST":
        if _drawn_for_another(request, active):
            return _carried_over(request, active)
        form = _form(active, data=request.POST)
        if form.is_valid():
            prediction = predict(
                form.row,
                using=active,
                request=Request(
                    requested_by=person(request),
                    source=Source.FORM,
                    request_id=request.headers.get("X-Request-ID", ""),
                ),
            )
            return redirect(prediction)
        return render(request, "predictions/form.html", {"form": form})
    start = request.GET.get("from", "")
    values: dict[str, Any] = {}
    origin = None
    if start == _TYPICAL:
        values = {feature.name: feature.typical for feature in active.schema.features}
    elif start:
        origin = get_object_or_404(_visible(request), pk=_uuid(start))
        values = origin.inputs
    form = _form(active, initial=initial_values(active.schema, values))
    response = render(
        request,
        "predictions/form.html",
        {
            "form": form,
            "origin": origin,
            "by_another_model": origin is not None and origin.model_version_id != active.id,
        },
    )
    return response if origin else keeps_what_is_typed(response)


def _form(active: registry.ActiveModel, **kwargs: Any) -> EmployeeForm:
    return EmployeeForm(
        active.schema,
        language(),
        blanks_tell=active.model.learns_from_blanks,
        model=active.artifact.sha256,
        **kwargs,
    )


def _drawn_for_another(request: HttpRequest, active: registry.ActiveModel) -> bool:
    """Whether the form that was sent says that it is another model's."""
    return request.POST.get(MODEL_FIELD, "") not in ("", active.artifact.sha256)


def _carried_over(request: HttpRequest, active: registry.ActiveModel) -> HttpResponse:
    """The active model's form with what was typed into another's: nothing is judged yet."""
    sha256 = UNSTORABLE.sub("", request.POST[MODEL_FIELD])
    version = ModelVersion.objects.filter(sha256=sha256).first()
    carried = carry_over(
        {name: str(value) for name, value in request.POST.items()},
        before=registry.schema_of(version) if version else None,
        now=active.schema,
        language=language(),
    )
    form = _form(active, initial=carried.typed)
    return render(
        request, "predictions/form.html", {"form": form, "typed": True, "carried": carried}
    )


def _in_language(request: HttpRequest, active: registry.ActiveModel, chosen: str) -> HttpResponse:
    """The form in another language, with what was typed so far: nothing is judged yet."""
    if not check_for_language(chosen):
        raise BadRequest("There is no such language.")
    translation.activate(chosen)
    if _drawn_for_another(request, active):
        response = _carried_over(request, active)
        remember_language(response, chosen)
        return response
    typed = {name: value for name, value in request.POST.items() if value}
    form = _form(active, initial=typed)
    response = render(request, "predictions/form.html", {"form": form, "typed": True})
    remember_language(response, chosen)
    return response


@permission_required("predictions.view_prediction", raise_exception=True)
@require_safe
@personal
def history(request: HttpRequest) -> HttpResponseBase:
    """All predictions, newest first, filtered by the address."""
    rows = PredictionFilter(request.GET, _visible(request), request=request)
    readable = rows.is_valid()
    wanted = request.GET.get("export", "")
    if wanted in exports.RESPONSES and readable:
        files = Search(rows.criteria(person(request))).files
        queryset = rows.qs.for_history()
        return exports.RESPONSES[wanted](queryset, language(), person(request), files=files)
    context: dict[str, Any] = {
        "filter": rows,
        "filtered": any(map(request.GET.get, rows.filters)),
    }
    if readable:
        search = Search(rows.criteria(person(request)))
        context |= {"count": search.count(), "counted": COUNTED}
        context |= _page(search, request.GET.get(CURSOR, ""))
    return render(request, "predictions/history.html", context)


def _page(search: Search, place: str) -> dict[str, Any]:
    """The page at a place that an address holds; the first page where it holds none."""
    start, newer = None, False
    with suppress(ValueError):
        start, newer = read_cursor(place)
    page = search.page(size=ROWS_PER_PAGE, start=start, newer=newer)
    if newer and page.newer is None:
        # The newest page is a whole one, also when rows have come since.
        page = search.page(size=ROWS_PER_PAGE)
    references = {row.employee_id for row in page.rows}
    return {
        "page": page,
        "newer": page.newer and cursor(page.newer, newer=True),
        "older": page.older and cursor(page.older),
        "one_employee": references.pop() if len(references) == 1 else "",
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
