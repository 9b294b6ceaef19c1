"""The results of a file: the list to act on, and the rows that were refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.reader import language, person, personal
from predictions.batches import corrections, exports, groups
from predictions.batches.cutting import MOST_VALUES
from predictions.batches.filters import ADD, ALL, TYPED, Filters
from predictions.batches.pages import Pages
from predictions.batches.results import Results
from predictions.explanation import meanings_in_words
from predictions.models import Batch, Prediction, RefusedRow

ROWS_PER_PAGE = 50

_reads = permission_required("predictions.view_batch", raise_exception=True)


@_reads
@require_safe
@personal
def results(request: HttpRequest, batch: Batch) -> HttpResponseBase:
    """What came of a file: the answer, and the list that the address asks for.

    `batch` must have a ranking; `?export=xlsx` and `?export=csv` download the list.
    """
    filters = Filters.read(request.GET)
    if _as_a_form_sends(request):
        # What is shared and come back to is short, and says only what was chosen.
        return redirect(f"{request.path}?{filters.address()}#list")
    visible = Prediction.objects.visible_to(person(request))
    found = Results(batch, filters, visible, language())
    wanted = request.GET.get("export", "")
    if wanted in exports.RESPONSES:
        return exports.RESPONSES[wanted](found, person(request))
    page = Pages(found.positions, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "batch": batch,
        "found": found,
        "filters": filters,
        "page": page,
        "people": found.page(np.asarray(page.object_list, dtype=np.intp)),
        "all": ALL,
        "add": ADD,
        "typed": TYPED,
        "kept": [field for field in filters.fields() if field[0] != "by"],
        "download": f"{filters.address()}&" if filters.address() else "",
        "again": found.again,
        "listed_there": _is_listed_there(batch),
        "left": found.left,
        "repeated": batch.cut.get("repeated", 0),
        "dropped": groups.dropped(batch),
        "renamed": groups.renamed(batch),
        "told": meanings_in_words(batch.answers, found.schema, language()),
        "most_values": MOST_VALUES,
    }
    return render(request, "batches/results.html", context)


def _is_listed_there(batch: Batch) -> bool:
    """Whether the people of a file of corrected rows are in the list of the file it corrects."""
    if batch.corrects is None:
        return False
    return any(file.batch == batch and file.listed for file in corrections.of(batch.corrects))


def _as_a_form_sends(request: HttpRequest) -> bool:
    query = request.GET
    return ADD in query or any(key.startswith(TYPED) or ALL in query.getlist(key) for key in query)


def refused_kept_until(batch: Batch) -> datetime:
    """When what refused rows say is erased."""
    return (batch.finished_at or batch.uploaded_at) + timedelta(days=settings.BATCH_FILE_DAYS)


@_reads
@require_safe
@personal
def refused(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The rows that could not be assessed: what to correct in each, and a file to correct them in.

    `?export=xlsx` and `?export=csv` download that file, while its cells are kept, for who may bring
    it again: the cells may be of columns that are kept apart for fairness checks.
    """
    visible = Batch.objects.visible_to(person(request)).select_related("model_version")
    batch = get_object_or_404(visible.exclude(model_version=None), pk=pk)
    rows = RefusedRow.objects.filter(batch=batch).order_by("row")
    wanted = request.GET.get("export", "")
    if wanted in exports.REFUSED:
        if batch.erased_at:
            raise Http404
        if not request.user.has_perm("predictions.assess_by_file"):
            raise PermissionDenied
        return exports.REFUSED[wanted](batch, language())
    page = Pages(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    again = corrections.of(batch)
    done = corrections.done(list(page), again, Prediction.objects.visible_to(person(request)))
    for row in page:
        row.batch = batch
    context = {
        "batch": batch,
        "page": page,
        "done": done,
        "kept_until": refused_kept_until(batch),
        "again": again,
        "left": corrections.left(page.paginator.count, again),
    }
    return render(request, "batches/refused.html", context)
