"""Train on your own file: bring it, correct what was made of its columns, watch, read the end."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.reader import language, person, personal, remember_language
from accounts.sessions import by_itself, unattended
from mlcore import uploads
from mlcore.engine.drafting.corrections import CorrectionError
from mlcore.engine.drafting.draft import Draft
from mlcore.engine.words import say
from mlcore.models import ModelVersion, RunState, TrainingFile, TrainingRun
from mlcore.trainings import drafts as training_drafts
from mlcore.trainings import files as training_files
from mlcore.trainings import jobs as training_jobs
from mlcore.trainings.columns import ColumnsForm
from mlcore.trainings.files import FileErasedError, FileInUseError
from mlcore.trainings.forms import FileForm
from mlcore.trainings.progress import progress_of
from mlcore.upload_form import megabytes

ROWS_PER_PAGE = 50
# What the switch of language is called in a form that carries what was typed.
_SWITCH = "_language"

_trains = permission_required("mlcore.train_model", raise_exception=True)


def _run(pk: int) -> TrainingRun:
    runs = TrainingRun.objects.select_related(
        "file", "file__erased_by", "requested_by", "model_version"
    )
    return get_object_or_404(
        runs.defer("file__content", "model_version__schema", "model_version__card"), pk=pk
    )


def _file(pk: int) -> TrainingFile:
    return get_object_or_404(TrainingFile.objects.defer("content"), pk=pk)


# ------------------------------------------------------------------ the list


@_trains
@require_safe
@personal
def trainings(request: HttpRequest) -> HttpResponse:
    """Every training, newest first, and which files are still kept."""
    runs = TrainingRun.objects.select_related("file", "requested_by", "model_version").defer(
        "file__content", "plan", "findings", "model_version__schema", "model_version__card"
    )
    page = Paginator(runs, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "models/training_list.html",
        {"page": page, "days": settings.TRAINING_FILE_DAYS},
    )


# ------------------------------------------------------------------ the file


@csrf_exempt  # `_bring` is protected: the token is in the body, whose size is looked at first
@_trains
@require_http_methods(["GET", "HEAD", "POST"])
def bring(request: HttpRequest) -> HttpResponse:
    """A labelled file is brought, read once, and becomes a draft to correct."""
    if size := uploads.too_large(request, settings.TRAINING_MAX_BODY):
        form = FileForm(data={})
        form.refuse_size(size, most=settings.TRAINING_MAX_BODY)
        return _bring_page(request, form, status=413)
    return _bring(request)


@csrf_protect
def _bring(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _bring_page(request, FileForm())
    form = FileForm(data=request.POST, files=request.FILES)
    if form.is_valid() and (run := form.begin(by=person(request), language=language())):
        return redirect("models:training-columns", run.pk)
    return _bring_page(request, form)


def _bring_page(request: HttpRequest, form: FileForm, *, status: int = 200) -> HttpResponse:
    limits = {
        "days": settings.TRAINING_FILE_DAYS,
        "megabytes": megabytes(settings.TRAINING_MAX_BODY),
        "bytes": settings.TRAINING_MAX_BODY,
    }
    return render(request, "models/training_new.html", {"form": form, **limits}, status=status)


# ------------------------------------------------------------------ the columns


@_trains
@require_http_methods(["GET", "HEAD", "POST"])
@personal
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    """What each column was taken for, to be corrected, saved and trained on."""
    run = _run(pk)
    if run.state != RunState.DRAFT:
        return redirect("models:training", run.pk)
    draft = training_drafts.read(run)
    if wanted := request.POST.get(_SWITCH, ""):
        return _in_language(request, run, draft, wanted)
    if request.method != "POST":
        return _columns_page(request, run, ColumnsForm(draft, language()))
    form = ColumnsForm(draft, language(), data=request.POST)
    if form.is_valid():
        try:
            return _corrected(request, run, form)
        except CorrectionError as error:
            form.refuse(error)
        except FileErasedError:
            return redirect("models:training", run.pk)
    return _columns_page(request, run, form)


def _corrected(request: HttpRequest, run: TrainingRun, form: ColumnsForm) -> HttpResponse:
    """Keep the corrections; train when that was asked for.

    Raises `CorrectionError` when they cannot be followed, and `FileErasedError`.
    """
    draft = training_drafts.correct(run, form.corrections)
    if not training_drafts.save(run, draft):
        messages.info(request, _("This training was begun meanwhile, by what was saved before."))
        return redirect("models:training", run.pk)
    if request.POST.get("action") == "train":
        if not draft.needs:
            training_jobs.start(run, by=person(request))
            return redirect("models:training", run.pk)
        messages.error(request, _("Your corrections are saved, but an answer is missing below."))
    else:
        messages.success(request, _("Your corrections are saved. Nothing is trained yet."))
    return redirect("models:training-columns", run.pk)


def _in_language(request: HttpRequest, run: TrainingRun, draft: Draft, wanted: str) -> HttpResponse:
    """The page in another language, with what was typed so far: nothing is judged yet."""
    if not check_for_language(wanted):
        raise BadRequest("There is no such language.")
    translation.activate(wanted)
    form = ColumnsForm(draft, wanted, initial=request.POST.dict())
    response = _columns_page(request, run, form)
    remember_language(response, wanted)
    return response


def _columns_page(request: HttpRequest, run: TrainingRun, form: ColumnsForm) -> HttpResponse:
    return render(request, "models/training_columns.html", {"run": run, "form": form})


# ------------------------------------------------------------------ the training


@_trains
@require_safe
@personal
def training(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a training is, or how it ended and what to do next."""
    run = _run(pk)
    erased = run.file.erased_at is not None
    model = _model_of(run)
    if run.state == RunState.DRAFT:
        return redirect("models:training-columns", run.pk)
    if run.state in training_files.AT_WORK:
        by_itself(request)  # without a script, the page comes again every few seconds
    return render(
        request,
        "models/training.html",
        {
            "run": run,
            "title": _title(run, model),
            "progress": progress_of(run),
            "at_work": run.state in training_files.AT_WORK,
            "message": say(run.message, language()),
            "model": model,
            "model_address": reverse("models:card", args=[model.version]) if model else "",
            "erased": erased,
            "kept_until": training_files.kept_until(run.file),
        },
    )


@unattended
@_trains
@require_safe
@personal
def progress(request: HttpRequest, pk: int) -> JsonResponse:
    """How far a training is, for the script of its page."""
    run = _run(pk)
    now = progress_of(run)
    return JsonResponse(
        {
            "state": run.state,
            "at_work": run.state in training_files.AT_WORK,
            "percent": now.percent,
            "percent_text": now.percent_text,
            "doing": now.doing,
            "left": now.left,
            "steps": {step.code: step.place for step in now.steps},
            "nobody_works": now.nobody_works,
        }
    )


@_trains
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    run = _run(pk)
    if not training_jobs.cancel(run):
        messages.info(request, _("This training had ended already."))
    return redirect("models:training", run.pk)


@_trains
@require_POST
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """A new draft with the corrections of this training."""
    try:
        draft = training_jobs.draft_again(_run(pk), by=person(request))
    except FileErasedError:
        messages.info(request, _("The file was erased. Bring it again to train on it."))
        return redirect("models:training-new")
    return redirect("models:training-columns", draft.pk)


@_trains
@require_http_methods(["GET", "HEAD", "POST"])
@personal
def erase(request: HttpRequest, pk: int) -> HttpResponse:
    """Erase a file, once it was confirmed."""
    file = _file(pk)
    if request.method != "POST":
        at_work = file.runs.filter(state__in=training_files.AT_WORK).exists()
        return render(
            request,
            "models/training_erase.html",
            {"file": file, "at_work": at_work, "kept_until": training_files.kept_until(file)},
        )
    try:
        training_files.erase(file, by=person(request))
    except FileInUseError:
        messages.error(request, _("A training reads this file. Stop it, or wait for its end."))
    else:
        messages.success(request, _("The content of the file is erased."))
    return redirect("models:trainings")


def _title(run: TrainingRun, model: ModelVersion | None) -> str:
    """What the training is called: with its file, everything was erased that its person wrote."""
    if run.file.erased_at is None:
        return say(training_drafts.read(run).title, language(), run.file.name)
    return model.title(language()) if model else run.file.name


def _model_of(run: TrainingRun) -> ModelVersion | None:
    """The model that a training made, or that it found to be there already."""
    if run.model_version:
        return run.model_version
    known = ModelVersion.objects.defer("schema", "card")
    return known.filter(version=run.message.get("version", "")).first()
