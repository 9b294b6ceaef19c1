"""The page where a person says what each column of a file is, and has it tried or assessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import check_for_language, ngettext, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.reader import language, person, personal, remember_language
from mlcore import registry
from mlcore.engine.ingest.refusals import TableError
from mlcore.engine.ingest.source import Format
from mlcore.engine.words import say
from mlcore.registry import ActiveModel
from predictions.batches import answers, files, first_rows, jobs, matching
from predictions.batches.column_rows import rows_of
from predictions.batches.columns import ColumnsForm
from predictions.batches.cutting import MOST_VALUES
from predictions.batches.first_rows import FirstRows
from predictions.batches.views import (
    batch_of,
    brings,
    draft_kept_until,
    ended_page,
    say_why_not_begun,
)
from predictions.models import Batch
from predictions.models.batch import WAITING

# What the switch of language, and the model that a form was drawn for, are called in it.
_SWITCH = "_language"
_MODEL = "_model"

Unknown = Callable[[Mapping[str, int]], dict[str, Counter[str]]]
"""By field, a file's unknown words where the fields are matched to columns so."""


@brings
@require_http_methods(["GET", "HEAD", "POST"])
@personal
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    """What each column is read as, to be corrected, and then tried or assessed."""
    batch = batch_of(request, pk)
    if batch.state not in WAITING:
        return redirect(batch)
    active = registry.active()
    try:
        rows = first_rows.of(batch)
    except TableError as error:
        return ended_page(request, batch, message=say(error.words, language()), unreadable=True)
    proposal = matching.propose(batch, active, [cells for _line, cells in rows])

    def unknown(matched: Mapping[str, int]) -> dict[str, Counter[str]]:
        return answers.unknown(batch, [cells for _line, cells in rows], matched, active.schema)

    if wanted := request.POST.get(_SWITCH, ""):
        return _in_language(request, batch, active, rows, proposal, wanted, unknown)
    form = ColumnsForm(proposal, active.schema, language(), unknown)
    if request.method != "POST":
        return _columns_page(request, batch, active, rows, form)
    if request.POST.get(_MODEL, "") != active.artifact.sha256:
        return _columns_page(request, batch, active, rows, form, replaced=True)
    form = ColumnsForm(proposal, active.schema, language(), unknown, data=request.POST)
    if not form.is_valid():
        return _columns_page(request, batch, active, rows, form)
    return _chosen(request, batch, active, form)


def _chosen(
    request: HttpRequest, batch: Batch, active: ActiveModel, form: ColumnsForm
) -> HttpResponse:
    """Keep what was chosen; begin when that was asked for."""
    action = request.POST.get("action", "")
    asking = person(request)
    with transaction.atomic():
        kept = matching.keep(batch, form.uses, active, names=form.names, meanings=form.meanings)
        if kept and action in ("try", "assess"):
            kept = jobs.begin(batch, record=action == "assess", by=asking)
            if kept:
                matching.remember(batch, active.schema, by=asking)
    if not kept:
        batch.refresh_from_db(fields=["state"])
        # Where it still waits, another model was activated just now: its page says so.
        if batch.state not in WAITING:
            told_before = _("Work on this file was begun meanwhile, by what was kept before.")
            messages.info(request, told_before)
        else:
            say_why_not_begun(request, batch)
        return redirect(batch)
    if action in ("try", "assess"):
        return redirect(batch)
    messages.success(request, _("Your choices are kept. Nothing is assessed yet."))
    return redirect("batches:columns", batch.pk)


def _in_language(
    request: HttpRequest,
    batch: Batch,
    active: ActiveModel,
    rows: first_rows.Records,
    proposal: matching.Proposal,
    wanted: str,
    unknown: Unknown,
) -> HttpResponse:
    """The page in another language, with what was chosen so far: nothing is judged yet."""
    if not check_for_language(wanted):
        raise BadRequest("There is no such language.")
    translation.activate(wanted)
    form = ColumnsForm(proposal, active.schema, wanted, unknown, initial=request.POST.dict())
    response = _columns_page(request, batch, active, rows, form)
    remember_language(response, wanted)
    return response


def _columns_page(
    request: HttpRequest,
    batch: Batch,
    active: ActiveModel,
    rows: first_rows.Records,
    form: ColumnsForm,
    *,
    replaced: bool = False,
) -> HttpResponse:
    first = first_rows.understood(
        rows,
        form.matched,
        active.schema,
        language(),
        grouped=form.grouped,
        width=len(batch.headers),
        delimiter=files.format_of(batch).delimiter,
        meanings=form.meanings,
    )
    context = {
        "batch": batch,
        "form": form,
        "rows": list(rows_of(form, first, batch.cut.get("too_many", ()))),
        "most_values": MOST_VALUES,
        "first": first,
        "readings": _named(first, form, batch),
        "model": active,
        "replaced": replaced,
        "rematched": form.proposal.rematched and not replaced,
        "people": batch.rows if batch.rows is not None else batch.about_rows,
        "exactly": batch.rows is not None,
        "kept_until": draft_kept_until(batch),
        "before": files.same_file_before(batch),
        "header_told": _header_told(files.format_of(batch)),
    }
    return render(request, "batches/columns.html", context)


def _header_told(layout: Format) -> str:
    """Which lines name the columns, where it is not simply the first one."""
    named, skipped = layout.names_from, layout.skipped
    sentences = []
    if named not in ((), (1,)):
        sentences.append(
            ngettext(
                "The names of the columns are from line {lines}.",
                "The names of the columns are from lines {lines}.",
                len(named),
            ).format(lines=_lines(named))
        )
    if skipped:
        sentences.append(
            ngettext(
                "Line {lines} above is not read.",
                "Lines {lines} above are not read.",
                len(skipped),
            ).format(lines=_lines(skipped))
        )
    return " ".join(sentences)


def _lines(numbers: Sequence[int]) -> str:
    """`3`, `3 and 4`, `3, 5 and 6`, `3 to 7`."""
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and last - first == len(numbers) - 1:
        return pgettext("lines", "{first} to {last}").format(first=first, last=last)
    *others, end = map(str, numbers)
    if not others:
        return end
    return _("{names} and {last}").format(names=", ".join(others), last=end)


def _named(
    first: FirstRows, form: ColumnsForm, batch: Batch
) -> list[tuple[str, str, str, first_rows.Reading]]:
    """Each field that the first rows show, with its label, its unit and its header."""
    features = form.schema.by_name
    return [
        (
            form.labels[reading.name],
            features[reading.name].units(language()) if reading.name in features else "",
            batch.headers[reading.place],
            reading,
        )
        for reading in first.readings
    ]
