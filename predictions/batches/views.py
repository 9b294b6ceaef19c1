"""Bring a file, watch it being tried or assessed, read what a try says and how it ended."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.reader import language, person, personal
from accounts.sessions import by_itself, unattended
from mlcore import registry, uploads
from mlcore.engine.operating import BANDS
from mlcore.engine.words import number_text, say
from mlcore.upload_form import megabytes
from predictions.batches import (
    corrections,
    empty_file,
    groups,
    jobs,
    ranking,
    result_views,
    tried_people,
)
from predictions.batches.cutting import MOST_VALUES
from predictions.batches.forms import FileForm
from predictions.batches.pages import Pages
from predictions.batches.progress import progress_of
from predictions.batches.progress_words import told
from predictions.models import Batch
from predictions.models.batch import WAITING, BatchState
from predictions.models.prediction import BandChoice

FILES_PER_PAGE = 50
REFUSALS_SHOWN = 10
ROWS_PER_PAGE = 20

brings = permission_required("predictions.assess_by_file", raise_exception=True)
reads = permission_required("predictions.view_batch", raise_exception=True)


def batch_of(request: HttpRequest, pk: int) -> Batch:
    visible = Batch.objects.visible_to(person(request))
    people = ("uploaded_by", "started_by", "model_version", "corrects")
    heavy = ("model_version__schema", "model_version__card")
    return get_object_or_404(visible.select_related(*people).defer(*heavy), pk=pk)


def draft_kept_until(batch: Batch) -> datetime:
    """When the cells of a file that waits for a person are erased."""
    return batch.uploaded_at + timedelta(days=settings.BATCH_FILE_DAYS)


# ------------------------------------------------------------------ the list


@reads
@require_safe
@personal
def batches(request: HttpRequest) -> HttpResponse:
    """Every file of employees, newest first, and what came of it."""
    found = Batch.objects.visible_to(person(request)).for_list()
    page = Pages(found, FILES_PER_PAGE).get_page(request.GET.get("page"))
    totals = ranking.totals(batch for batch in page if batch.has_results)
    again = corrections.of_each(batch for batch in page if batch.has_results)
    rows = [
        (batch, totals.get(batch.pk) and corrections.together(totals[batch.pk], files), files)
        for batch in page
        for files in (again.get(batch.pk, []),)
    ]
    return render(request, "batches/list.html", {"page": page, "rows": rows})


# ------------------------------------------------------------------ the file


@csrf_exempt  # `_bring` is protected: the token is in the body, whose size is looked at first
@brings
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: HttpRequest) -> HttpResponse:
    """A file is brought, its beginning read, and its columns are shown.

    `?corrects=<id>` says that it holds the refused rows of another file, corrected.
    """
    if size := uploads.too_large(request, settings.BATCH_MAX_BODY):
        form = FileForm(data={})
        form.refuse_size(size, most=settings.BATCH_MAX_BODY)
        return _bring_page(request, form, status=413)
    return _bring(request)


@csrf_protect
def _bring(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _bring_page(request, FileForm())
    form = FileForm(data=request.POST, files=request.FILES)
    if form.is_valid():
        batch = form.bring(
            by=person(request),
            request_id=request.headers.get("X-Request-ID", ""),
            corrects=_corrected(request),
            language=language(),
        )
        if batch is not None:
            return redirect("batches:columns", batch.pk)
    return _bring_page(request, form)


def _bring_page(request: HttpRequest, form: FileForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "corrects": _corrected(request),
        "days": settings.BATCH_FILE_DAYS,
        "megabytes": megabytes(settings.BATCH_MAX_BODY),
        "bytes": settings.BATCH_MAX_BODY,
    }
    return render(request, "batches/new.html", context, status=status)


def _corrected(request: HttpRequest) -> Batch | None:
    """The file whose refused rows are brought again, corrected."""
    wanted = request.GET.get("corrects", "")
    if not wanted:
        return None
    if not wanted.isdecimal():
        raise Http404
    found = batch_of(request, int(wanted))
    if not found.has_results:
        raise Http404
    return found


@brings
@require_safe
def template(request: HttpRequest) -> HttpResponse:
    """An empty file with the columns that the active model asks: `?export=xlsx` or `?export=csv`.

    It has the words of the reader's language.
    """
    written = empty_file.FORMATS.get(request.GET.get("export", ""))
    if written is None:
        raise Http404
    return written(empty_file.asked(registry.active().schema, language()), language())


# ------------------------------------------------------------------ the work


@reads
@require_safe
@personal
def batch(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One file: what is asked of a person, how far it is, or what came of it."""
    found = batch_of(request, pk)
    if found.at_work:
        return _progress_page(request, found)
    if found.state == BatchState.CHECKED and ranking.totals([found]):
        return _checked_page(request, found)
    if found.has_results and ranking.totals([found]):
        return result_views.results(request, found)
    if found.state == BatchState.DRAFT and request.user.has_perm("predictions.assess_by_file"):
        return redirect("batches:columns", found.pk)
    return ended_page(request, found, message=say(found.message, language()))


def _progress_page(request: HttpRequest, batch: Batch) -> HttpResponse:
    by_itself(request)  # without a script, the page comes again every few seconds
    now = told(batch, progress_of(batch))
    trying = batch.state == BatchState.CHECKING
    return render(
        request, "batches/progress.html", {"batch": batch, "progress": now, "trying": trying}
    )


@unattended
@reads
@require_safe
@personal
def progress(request: HttpRequest, pk: int) -> JsonResponse:
    """How far a file is, for the script of its page."""
    found = batch_of(request, pk)
    answer: dict[str, Any] = {"state": found.state, "at_work": found.at_work}
    if found.at_work:
        answer |= asdict(told(found, progress_of(found)))
    return JsonResponse(answer)


def _checked_page(request: HttpRequest, batch: Batch) -> HttpResponse:
    """What would happen, if everyone in the file were assessed."""
    ranked = ranking.of(batch)
    totals = ranked.totals
    refused = list(batch.refused_rows.order_by("row")[:REFUSALS_SHOWN])
    page = Pages(range(totals.people), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    places = np.asarray(page.object_list, dtype=np.intp)
    lines = ranked.rows(places)
    context = {
        "batch": batch,
        "totals": totals,
        "page": page,
        "people": list(
            zip(
                lines,
                tried_people.references(batch, lines).values(),
                map(_level, ranked.column("band")[places].tolist()),
                ranked.column("probability")[places].tolist(),
                strict=True,
            )
        ),
        "levels": [
            (_level(code), totals.by_band[band], totals.share(band))
            for code, band in reversed([*enumerate(BANDS)])
        ],
        "most": max(map(totals.share, BANDS)),
        "refused": refused,
        "refused_count": batch.refused_rows.count(),
        "kept_until": draft_kept_until(batch),
        "repeated": batch.cut.get("repeated", 0),
        "dropped": groups.dropped(batch),
        "most_values": MOST_VALUES,
        "replaced": replaced(batch),
    }
    return render(request, "batches/checked.html", context)


def _level(code: int) -> dict[str, str]:
    """A level as the templates show a prediction's."""
    band = BANDS[code]
    return {"band": band, "get_band_display": str(BandChoice(band).label)}


def replaced(batch: Batch) -> Literal["", "model", "threshold"]:
    """What is another now than when the file was matched or tried, as `jobs.replaced` tells."""
    try:
        return jobs.replaced(batch, registry.active())
    except registry.ModelUnavailableError:
        return "model"


def say_why_not_begun(request: HttpRequest, batch: Batch) -> None:
    """Tell a person that nothing began by what was just asked; `batch` as it is now.

    That another model is active, the page of the columns says itself.
    """
    if batch.state not in WAITING:
        told = _("There is nothing to begin: this file is not waiting any more.")
        messages.info(request, told)
    elif replaced(batch) == "threshold":
        told = _("Nothing has begun: the levels of risk were changed after this file was tried.")
        messages.info(request, told)


@brings
@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Assess everyone in a file that was tried, by the columns that it was tried with.

    `action=try` tries it once more.
    """
    batch = batch_of(request, pk)
    if batch.state in WAITING and replaced(batch) == "model":
        messages.info(request, _("Another model is active now: look at the columns again."))
        return redirect("batches:columns", batch.pk)
    record = request.POST.get("action") != "try"
    if not jobs.begin(batch, record=record, by=person(request)):
        batch.refresh_from_db(fields=["state"])
        say_why_not_begun(request, batch)
    return redirect(batch)


@brings
@require_http_methods(["GET", "HEAD", "POST"])
@personal
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop the work on a file, asked once; what is recorded stays."""
    batch = batch_of(request, pk)
    if request.method != "POST" and batch.at_work:
        trying = batch.state == BatchState.CHECKING
        now = told(batch, progress_of(batch))
        context = {"batch": batch, "progress": now, "trying": trying}
        return render(request, "batches/cancel.html", context)
    if request.method != "POST" or not jobs.cancel(batch):
        batch.refresh_from_db(fields=["state"])
        told_why = (
            _("Nothing is being done with this file: there is nothing to stop.")
            if batch.state in WAITING
            else _("The work on this file had ended already.")
        )
        messages.info(request, told_why)
    return redirect(batch)


@brings
@require_http_methods(["GET", "HEAD", "POST"])
@personal
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Throw a file away that waits for a person, asked once."""
    batch = batch_of(request, pk)
    if request.method != "POST" and batch.state in WAITING:
        return render(request, "batches/discard.html", {"batch": batch})
    if request.method == "POST" and jobs.discard(batch):
        messages.success(request, _("The file is discarded, and nothing of it was recorded."))
        return redirect("batches:list")
    messages.info(request, _("This file is not waiting any more: it cannot be discarded."))
    return redirect(batch)


# ------------------------------------------------------------------ the end


def ended_page(
    request: HttpRequest, batch: Batch, *, message: str, unreadable: bool = False
) -> HttpResponse:
    """A file that waits for somebody else, failed, or was stopped before anybody was assessed.

    `unreadable`: it waits for nobody any more, for not even its first rows can be read.
    """
    counted = batch.chunks.aggregate(accepted=Sum("accepted"), refused=Sum("refused"))
    # Why it failed says so itself.
    tells = batch.state == BatchState.CANCELLED
    recorded = (counted["accepted"] or 0) if tells else int(batch.message.get("recorded", 0))
    said = ngettext(
        "{count} person is assessed and stays in the history.",
        "{count} people are assessed and stay in the history.",
        recorded,
    ).format(count=number_text(recorded, language()))
    preparing = tells and batch.chunks.filter(done_at=None).exists()
    if preparing:
        by_itself(request)
    context = {
        "batch": batch,
        "message": message,
        "recorded": recorded,
        "said": said if tells and recorded else "",
        "unreadable": unreadable,
        # What was not done is taken away when the list is made.
        "preparing": preparing,
    }
    return render(request, "batches/ended.html", context)
