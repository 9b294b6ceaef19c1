"""Predictions in the Django admin: found, read and exported by auditors; altered by nobody."""

from __future__ import annotations

import json
import math
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.read_only import ReadOnlyAdmin
from accounts.reader import language, person
from mlcore import registry
from mlcore.admin import LINKS, Link
from mlcore.models import ModelVersion
from mlcore.templatetags.figures import band_mark, percent
from predictions import exports
from predictions.audit_list import PredictionList
from predictions.batches import groups
from predictions.explanation import explain, meaning_sentence, meanings_in_words, said_in_file
from predictions.models import Prediction
from predictions.models.batch import Batch, BatchChunk, BatchState
from predictions.models.prediction import PredictionQuerySet

# What the list's filters and its dates write into the address.
_LOOKUPS = {
    "model",
    "band__exact",
    "source__exact",
    "file",
    *(f"created_at__{lookup}" for lookup in ("gte", "lt", "year", "month", "day")),
}
# What rounding may do to a sum of a few dozen log-odds.
_ROUNDING = 1e-9


class ModelFilter(admin.SimpleListFilter):
    """By the model that made the prediction.

    Django's own filter of a relation would load every model's schema and card for its names.
    """

    title = _("model")
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = ModelVersion.objects.values_list("pk", "version")
        return [(str(pk), version) for pk, version in names]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Prediction]
    ) -> QuerySet[Prediction]:
        value = self.value()
        if value is None:
            return queryset
        if value not in {str(pk) for pk, _name in self.lookup_choices}:
            raise IncorrectLookupParameters
        return queryset.filter(model_version_id=int(value))


class FileFilter(admin.SimpleListFilter):
    """By the file that a prediction came with: chosen on the file's own page, shown here."""

    title = _("file")
    parameter_name = "file"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if (number := _number(self.value())) is None:
            return []
        named = Batch.objects.filter(pk=number).values_list("pk", "name")
        return [(str(pk), name) for pk, name in named]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Prediction]
    ) -> QuerySet[Prediction]:
        return queryset.filter(batch=_number(value)) if (value := self.value()) else queryset


def _number(value: str | None) -> int | None:
    try:
        return int(value or "")
    except ValueError:
        return None


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "employee",
        "risk",
        "level",
        "origin",
        "version",
        "requester",
    )
    list_display_links = ("created_at", "employee")
    list_filter = (
        "band",
        "source",
        ModelFilter,
        FileFilter,
        ("created_at", admin.DateFieldListFilter),
    )
    # To count what each filter would leave reads everything.
    show_facets = admin.ShowFacets.NEVER
    date_hierarchy = "created_at"
    sortable_by = ("created_at", "employee", "risk")
    search_fields = ("employee_id",)  # shows the box; `get_search_results` does the search
    search_help_text = _(
        "Beginning of the employee’s reference, or the number of a prediction or of a request"
    )
    list_per_page = 50
    actions = ("export_csv", "export_xlsx")
    fieldsets = ((None, {"fields": ()}),)  # the template shows everything

    def get_queryset(self, request: HttpRequest) -> PredictionQuerySet:
        return Prediction.objects.for_history()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django's own would take any lookup of any column from the address, `inputs` included;
        # and PostgreSQL has no word for a null character.
        return lookup in _LOOKUPS and "\0" not in value

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Prediction | None:
        try:
            return Prediction.objects.for_result().select_related("batch").get(pk=object_id)
        except (Prediction.DoesNotExist, ValidationError, ValueError):
            return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(employee_id__begins_with=term), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PredictionList]:
        return PredictionList

    # ---------------------------------------------------------------- the list

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        answer = super().changelist_view(request, {**title, **(extra_context or {})})
        if isinstance(answer, TemplateResponse) and answer.context_data:
            shown = answer.context_data.get("cl")
            if shown is not None and not shown.exact:
                answer.context_data["selection_note_all"] = gettext("All selected")
        return answer

    @admin.display(description=_("employee"), ordering="employee_id", empty_value="–")
    def employee(self, prediction: Prediction) -> str:
        return prediction.employee_id

    @admin.display(description=_("risk of leaving"), ordering="probability")
    def risk(self, prediction: Prediction) -> str:
        return percent(prediction.probability)

    @admin.display(description=_("level of risk"))
    def level(self, prediction: Prediction) -> SafeString:
        mark = band_mark(prediction.band)  # type: ignore[arg-type]
        return format_html('<span class="band">{} {}</span>', mark, prediction.get_band_display())

    @admin.display(description=_("source"))
    def origin(self, prediction: Prediction) -> str:
        if prediction.batch is None:
            return prediction.get_source_display()
        name, line = prediction.batch.name, prediction.row
        return gettext("{file}, line {line}").format(file=name, line=line)

    @admin.display(description=_("model"))
    def version(self, prediction: Prediction) -> str:
        return prediction.model_version.version

    @admin.display(description=_("requested by"))
    def requester(self, prediction: Prediction) -> str:
        return str(prediction.requested_by)

    # ---------------------------------------------------------------- export

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: PredictionQuerySet) -> HttpResponseBase:
        return self._export("csv", request, queryset)

    @admin.action(description=_("Export as an Excel workbook"), permissions=["view"])
    def export_xlsx(self, request: HttpRequest, queryset: PredictionQuerySet) -> HttpResponseBase:
        return self._export("xlsx", request, queryset)

    def _export(
        self, kind: str, request: HttpRequest, queryset: PredictionQuerySet
    ) -> HttpResponseBase:
        listed = cast(PredictionList, self.get_changelist_instance(request))
        return exports.RESPONSES[kind](
            queryset,
            language(),
            person(request),
            files=listed.search.files,
            audit_attributes=True,
        )

    # ---------------------------------------------------------------- one record

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse:
        prediction: Prediction = context["original"]
        explanation = explain(prediction, language())
        total = math.fsum([prediction.intercept, *prediction.contributions.values()])
        context |= {
            "title": _("Prediction"),
            "prediction": prediction,
            "explanation": explanation,
            "total": total,
            "difference": f"{abs(total - prediction.log_odds):.1g}",
            "adds_up": abs(total - prediction.log_odds) <= _ROUNDING,
            "probability_follows": math.isclose(
                prediction.floor + prediction.share_of_others * prediction.share_by_conditions,
                prediction.probability,
                rel_tol=_ROUNDING,
            ),
            "groups": list(prediction.groups.items()),
            "given": said_in_file(prediction, language(), audit=True),
            "same_model": prediction.model_sha256 == prediction.model_version.sha256,
            "raw": _raw(prediction),
        }
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[return-value]


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """Files of employees: who brought them, what judged them, and what came of it."""

    list_display = (
        "uploaded_at",
        "name",
        "state",
        "uploaded_by",
        "version",
        "share",
        "rows",
        "recorded",
        "not_recorded",
    )
    list_display_links = ("uploaded_at", "name")
    list_filter = ("state", ("uploaded_at", admin.DateFieldListFilter))
    view_on_site = False  # `its_page` leads there
    search_fields = ("name", "sha256")
    search_help_text = _("Name or SHA-256 of the file")
    sortable_by = ("uploaded_at", "name", "rows")
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    fieldsets = (
        (None, {"fields": ("name", "state", "its_page", "its_predictions")}),
        (
            _("The file"),
            {
                "fields": (
                    "uploaded_at",
                    "brought_by",
                    "size",
                    "sha256",
                    "request_id",
                    "corrects",
                    "kept_as_groups",
                    "meant",
                )
            },
        ),
        (
            _("Its assessment"),
            {
                "fields": (
                    "started_at",
                    "begun_by",
                    "finished_at",
                    "model_version",
                    "moderate_from",
                    "threshold",
                    "very_high_from",
                    "rows",
                    "recorded",
                    "not_recorded",
                    "erased_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        chunks = BatchChunk.objects.filter(batch=OuterRef("pk"), done_at__isnull=False)
        sums = chunks.order_by().values("batch")

        def total(column: str) -> Coalesce:
            return Coalesce(Subquery(sums.annotate(n=Sum(column)).values("n")), 0)

        return (
            Batch.objects.select_related("uploaded_by", "started_by", "model_version", "corrects")
            .defer("model_version__schema", "model_version__card", "format", "matched", "cut")
            .annotate(accepted=total("accepted"), refused=total("refused"))
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        allowed = {"state__exact", "uploaded_at__gte", "uploaded_at__lt"}
        return lookup in allowed and "\0" not in value

    @admin.display(description=_("model"), empty_value="–")
    def version(self, batch: Batch) -> str:
        return batch.model_version.version if batch.model_version else ""

    @admin.display(description=_("threshold"), empty_value="–")
    def share(self, batch: Batch) -> str:
        return "" if batch.threshold is None else percent(batch.threshold, 1)

    # Django's own would link to a person's page, which auditors may not open.

    @admin.display(description=_("brought by"))
    def brought_by(self, batch: Batch) -> str:
        return str(batch.uploaded_by)

    @admin.display(description=_("started by"))
    def begun_by(self, batch: Batch) -> str:
        return str(batch.started_by or "–")

    @admin.display(description=_("recorded"))
    def recorded(self, batch: Any) -> str:
        return number_format(_recorded(batch), force_grouping=True)

    @admin.display(description=_("refused"))
    def not_recorded(self, batch: Any) -> str:
        return number_format(batch.refused, force_grouping=True)

    @admin.display(description=_("columns kept as groups"))
    def kept_as_groups(self, batch: Batch) -> str:
        return ", ".join(groups.kept(batch)) or "–"

    @admin.display(description=_("what its words mean"))
    def meant(self, batch: Batch) -> str:
        if batch.model_version is None:
            return "–"
        schema = registry.schema_of(batch.model_version)
        told = meanings_in_words(batch.answers, schema, language())
        return "; ".join(meaning_sentence(*one) for one in told) or "–"

    @admin.display(description=_("its page"))
    def its_page(self, batch: Batch) -> SafeString:
        return format_html('<a href="{}">{}</a>', batch.get_absolute_url(), gettext("Open it"))

    @admin.display(description=_("predictions"))
    def its_predictions(self, batch: Any) -> SafeString | str:
        if not _recorded(batch):
            return "–"
        address = reverse("admin:predictions_prediction_changelist", query={"file": batch.pk})
        return format_html('<a href="{}">{}</a>', address, gettext("Those of this file"))


def _recorded(batch: Any) -> int:
    """How many rows are on record: a file that was only tried has accepted rows, and none."""
    tried = batch.state in (BatchState.CHECKING, BatchState.CHECKED)
    return 0 if tried else int(batch.accepted)


def _made_by(request: HttpRequest, version: ModelVersion) -> Link | None:
    if not request.user.has_perm("predictions.view_prediction"):
        return None
    address = reverse("admin:predictions_prediction_changelist", query={"model": version.pk})
    return Link(gettext("Predictions"), gettext("Those that it made"), address)


LINKS.append(_made_by)


def _raw(prediction: Prediction) -> str:
    """The record as the database holds it, column by column."""
    columns = {
        field.attname: getattr(prediction, field.attname)
        for field in Prediction._meta.concrete_fields
    }
    return json.dumps(columns, ensure_ascii=False, indent=2, default=str)
