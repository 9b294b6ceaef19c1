"""The pages about one person: a result, what could change it, and all assessments over time."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.reader import language, person, personal
from accounts.roles import ACCESS_ADMIN
from mlcore.engine.values import InvalidValueError, read_identifier
from mlcore.templatetags.figures import percent
from predictions import timeline_chart
from predictions.explanation import explain, said_in_file
from predictions.models import Prediction
from predictions.models.prediction import BandChoice, PredictionQuerySet
from predictions.timeline import (
    Difference,
    Timeline,
    difference_of,
    of_one_file,
    repeated,
    timeline_of,
)
from predictions.trial_form import TrialForm
from predictions.what_if import (
    Change,
    NotTriableError,
    Together,
    Trial,
    best_changes,
    best_together,
    ground_of,
    tried,
)

_ROWS_PER_PAGE = 50
_MOST_COUNTED = 10_000  # of one employee: a count has an end, whatever a program sent
_HTML, _JSON = "text/html", "application/json"


def _visible(request: HttpRequest) -> PredictionQuerySet:
    return Prediction.objects.visible_to(person(request))


def _one(request: HttpRequest, pk: UUID) -> Prediction:
    whole = _visible(request).for_result().select_related("batch")
    apart = ("format", "headers", "matched", "grouped", "cut", "message")
    return get_object_or_404(whole.defer(*(f"batch__{name}" for name in apart)), pk=pk)


# ------------------------------------------------------------------ one result


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """The same employee's other assessments."""

    earlier: Prediction | None
    later: Prediction | None
    before: Prediction | None
    """The earlier one, unless it is another line of the same file; likewise `after`."""
    after: Prediction | None
    repeated: list[str]
    """That the file holds the employee on several lines, as a sentence."""
    count: int
    """How many there are with this one; at most so many are counted."""
    address: str
    """Of all of them."""


@permission_required("predictions.view_prediction", raise_exception=True)
@require_safe
@personal
def result(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One prediction, with its reasons, as it was recorded; the address may hold what is tried."""
    prediction = _one(request, pk)
    context = {
        "prediction": prediction,
        "explanation": explain(prediction, language()),
        "neighbours": _neighbours(request, prediction),
        # A header may be any word, and a template would look "items" up among them.
        "groups": list(prediction.groups.items()),
        "given": said_in_file(prediction, language(), audit=request.user.has_perm(ACCESS_ADMIN)),
    }
    if request.user.has_perm("predictions.assess_by_form"):
        context["trying"] = _trying(prediction, request.GET.dict())
    return render(request, "predictions/result.html", context)


def _neighbours(request: HttpRequest, prediction: Prediction) -> Neighbours | None:
    """None for an assessment without a reference."""
    if not prediction.employee_id:
        return None
    visible = _visible(request)
    earlier = visible.neighbour(prediction, newer=False)
    later = visible.neighbour(prediction, newer=True)
    count = 1
    if earlier or later:
        count = visible.of_employee(prediction.employee_id)[:_MOST_COUNTED].count()
    address = (
        f"{reverse('predictions:employee')}?{urlencode({'reference': prediction.employee_id})}"
    )
    same_file = [each for each in (earlier, later) if each and of_one_file(prediction, each)]
    return Neighbours(
        earlier=earlier,
        later=later,
        before=None if earlier in same_file else earlier,
        after=None if later in same_file else later,
        repeated=repeated([prediction, *same_file]),
        count=count,
        address=address,
    )


# ------------------------------------------------------------------ what could change it


@dataclass(frozen=True, kw_only=True, slots=True)
class Trying:
    """What the section about changes shows."""

    why_not: str = ""
    """Why nothing can be tried, as a sentence; then there is nothing else."""
    form: TrialForm | None = None
    trial: Trial | None = None
    """None while what was given cannot be read."""
    offers: list[Offer]
    together: Together | None = None
    together_query: str = ""
    """The part of an address by which they are tried."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A change that helps, ready to be tried."""

    change: Change
    query: str
    """The part of an address by which it is tried."""


@permission_required(
    ["predictions.assess_by_form", "predictions.view_prediction"], raise_exception=True
)
@require_safe
@personal
def what_if(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A stored prediction with other values, which the address holds; nothing is recorded.

    To a script that asks for JSON it answers with the outcome alone.
    """
    prediction = _one(request, pk)
    as_json = request.get_preferred_type([_HTML, _JSON]) == _JSON
    trying = _trying(prediction, request.GET.dict(), ranked=not as_json)
    context = {"prediction": prediction, "trying": trying}
    response: HttpResponse
    if as_json:
        response = JsonResponse(_outcome(request, trying, context))
    else:
        response = render(request, "predictions/what_if.html", context)
    patch_vary_headers(response, ["Accept"])
    return response


def _trying(prediction: Prediction, given: dict[str, str], *, ranked: bool = True) -> Trying:
    try:
        ground = ground_of(prediction)
    except NotTriableError as error:
        return Trying(why_not=str(error), offers=[])
    if not ground.levers:
        sentence = _("The model that made this assessment asks for nothing an employer can change.")
        return Trying(why_not=sentence, offers=[])
    form = TrialForm(ground, language(), given)
    changes = best_changes(ground, language()) if ranked else []
    typed = {change.name: form.typed(change) for change in changes}
    together = best_together(ground, changes)
    return Trying(
        form=form,
        trial=tried(ground, form.row, language()) if form.is_valid() else None,
        offers=[
            Offer(change=change, query=urlencode({change.name: typed[change.name]}))
            for change in changes
        ],
        together=together,
        together_query=(
            urlencode({change.name: typed[change.name] for change in together.changes})
            if together
            else ""
        ),
    )


def _outcome(request: HttpRequest, trying: Trying, context: dict[str, object]) -> dict[str, object]:
    if trying.form is None:
        return {"said": trying.why_not, "outcome": "", "errors": {}, "moved": [], "query": ""}
    errors = {name: [str(each) for each in found] for name, found in trying.form.errors.items()}
    trial = trying.trial
    return {
        "said": _said(trying.form.ground.prediction, trial),
        "outcome": render_to_string("predictions/_trial.html", context, request),
        "errors": errors,
        "moved": [move.name for move in trial.moves] if trial else [],
        "query": trying.form.query,
    }


def _said(prediction: Prediction, trial: Trial | None) -> str:
    """The outcome in one sentence, for those who hear it."""
    if trial is None:
        return _("A value cannot be read yet. Look at the field that is marked.")
    risk = percent(trial.probability)
    if not trial.moves:
        return _("All values are as they were assessed: {risk}.").format(risk=risk)
    before = percent(prediction.probability)
    level = BandChoice(trial.band).label
    return _("With these changes: {risk}, {level}, instead of {before}.").format(
        risk=risk, level=level, before=before
    )


# ------------------------------------------------------------------ one employee over time


@permission_required("predictions.view_prediction", raise_exception=True)
@require_safe
@personal
def employee(request: HttpRequest) -> HttpResponse:
    """All assessments of one employee, by the exact reference."""
    problem = ""
    try:
        reference = read_identifier(request.GET.get("reference", ""))
    except InvalidValueError as error:
        reference, problem = "", error.problem.text(language())
    context: dict[str, object] = {"reference": reference, "problem": problem}
    if reference:
        context |= _over_time(request, reference)
    return render(request, "predictions/employee.html", context)


def _over_time(request: HttpRequest, reference: str) -> dict[str, object]:
    rows = _visible(request).of_employee(reference)
    pages = Paginator(rows.for_timeline()[:_MOST_COUNTED], _ROWS_PER_PAGE)
    page: Page[Prediction] = pages.get_page(request.GET.get("page"))
    listed = list(page.object_list)
    if not listed:
        return {"page": page, "count": 0}
    over_time: Timeline = timeline_of(listed, language())
    # Lines of one file are no development: what was before them is.
    latest = listed[0] if page.number == 1 else None
    before = next((each for each in listed[1:] if not of_one_file(each, listed[0])), None)
    difference: Difference | None = None
    if latest and before:
        difference = difference_of(before, latest, language())
    pictures: list[SafeString] = timeline_chart.draw(over_time) if before else []
    return {
        "page": page,
        "count": pages.count,
        "not_all": pages.count == _MOST_COUNTED,
        "timeline": over_time,
        "difference": difference,
        "latest": latest,
        "before_at": before.created_at if before else None,
        "repeated": repeated(listed),
        "pictures": pictures,
    }
