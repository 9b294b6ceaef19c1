"""Predictions in the Django admin: found, read and exported by auditors; altered by nobody."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.read_only import ReadOnlyAdmin
from mlcore.admin import LINKS, Link
from mlcore.models import ModelVersion
from mlcore.templatetags.figures import band_mark, percent
from predictions import exports
from predictions.explanation import explain
from predictions.models import Prediction
from predictions.models.prediction import PredictionQuerySet

# What the list's filters and its dates write into the address.
_LOOKUPS = {
    "model",
    "band__exact",
    "source__exact",
    *(f"created_at__{lookup}" for lookup in ("gte", "lt", "year", "month", "day")),
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
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


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "employee", "risk", "level", "source", "version", "requester")
    list_display_links = ("created_at", "employee")
    list_filter = ("band", "source", ModelFilter, ("created_at", admin.DateFieldListFilter))
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
            return Prediction.objects.for_result().get(pk=object_id)
        except (Prediction.DoesNotExist, ValidationError, ValueError):
            return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(employee_id__startswith=term)
        if _REQUEST_ID.match(term):
            wanted |= Q(request_id=term)
        with suppress(ValueError):
            wanted |= Q(pk=UUID(term))
        return queryset.filter(wanted), False

    # ---------------------------------------------------------------- the list

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

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

    @admin.display(description=_("model"))
    def version(self, prediction: Prediction) -> str:
        return prediction.model_version.version

    @admin.display(description=_("requested by"))
    def requester(self, prediction: Prediction) -> str:
        return str(prediction.requested_by)

    # ---------------------------------------------------------------- export

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: PredictionQuerySet) -> HttpResponseBase:
        return exports.csv_response(queryset, _language(), _person(request), audit_attributes=True)

    @admin.action(description=_("Export as an Excel workbook"), permissions=["view"])
    def export_xlsx(self, request: HttpRequest, queryset: PredictionQuerySet) -> HttpResponseBase:
        return exports.xlsx_response(queryset, _language(), _person(request), audit_attributes=True)

    # ---------------------------------------------------------------- one record

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse:
        prediction: Prediction = context["original"]
        explanation = explain(prediction, _language())
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
            "same_model": prediction.model_sha256 == prediction.model_version.sha256,
            "raw": _raw(prediction),
        }
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[return-value]


def _made_by(request: HttpRequest, version: ModelVersion) -> Link | None:
    if not request.user.has_perm("predictions.view_prediction"):
        return None
    address = reverse("admin:predictions_prediction_changelist", query={"model": version.pk})
    return Link(gettext("Predictions"), gettext("Those that it made"), address)


LINKS.append(_made_by)


def _language() -> str:
    return get_language() or "en"


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin let them in
    return request.user


def _raw(prediction: Prediction) -> str:
    """The record as the database holds it, column by column."""
    columns = {
        field.attname: getattr(prediction, field.attname)
        for field in Prediction._meta.concrete_fields
    }
    return json.dumps(columns, ensure_ascii=False, indent=2, default=str)
