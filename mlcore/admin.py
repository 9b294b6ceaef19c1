"""Models in the Django admin: looked up there, changed through `mlcore.services` alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts.read_only import ReadOnlyAdmin
from mlcore import registry
from mlcore.engine.words import LANGUAGES, say
from mlcore.models import Activation, ActivationProposal, ModelVersion, OperatingDecision


@dataclass(frozen=True, slots=True)
class Link:
    """Where another app's records about a model are found."""

    label: str
    text: str
    address: str


LINKS: list[Callable[[HttpRequest, ModelVersion], Link | None]] = []
"""What a model's page links to. An app that knows of models adds its own, for who may follow it."""


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("version", "title", "active_now", "registered_at", "registered_by")
    search_fields = ("version", "sha256")
    search_help_text = gettext_lazy("Version or SHA-256 of the artifact")
    fieldsets = ((None, {"fields": ()}),)  # the template shows everything
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        current = Activation.objects.filter(model_version=OuterRef("pk"), is_current=True)
        return (
            ModelVersion.objects.defer("schema")
            .select_related("registered_by")
            .annotate(is_active=Exists(current))
        )

    @admin.display(description=gettext_lazy("name"))
    def title(self, version: ModelVersion) -> str:
        return version.title(get_language() or "en")

    @admin.display(description=gettext_lazy("active now"), boolean=True)
    def active_now(self, version: Any) -> bool:
        return bool(version.is_active)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> TemplateResponse:
        version = context["original"]
        language = get_language() or "en"
        context |= {
            "version": version,
            "name": version.title(language),
            "links": [link for make in LINKS if (link := make(request, version))],
            "card": list(card_entries(_brief(version.card), language, _names(version, language))),
            "raw_card": _pretty(version.card),
            "raw_schema": _pretty(version.schema),
            "activations": version.activations.select_related("activated_by", "approved_by"),
        }
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[return-value]


class _OfAModelAdmin(ReadOnlyAdmin):
    """Records of what was decided about a model; `people` are those whose names are shown."""

    people: tuple[str, ...] = ()
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        records: QuerySet[Any] = self.model._default_manager.all()
        return records.select_related("model_version", *self.people).defer(
            "model_version__schema", "model_version__card"
        )


@admin.register(Activation)
class ActivationAdmin(_OfAModelAdmin):
    people = ("activated_by", "approved_by")
    list_display = (
        "activated_at",
        "model_version",
        "is_current",
        "activated_by",
        "approved_by",
        "reason",
    )
    list_filter = ("is_current", ("activated_at", admin.DateFieldListFilter))
    date_hierarchy = "activated_at"
    fields = (
        "model_version",
        "activated_at",
        "activated_by",
        "approved_by",
        "undoes",
        "reason",
        "is_current",
    )


@admin.register(ActivationProposal)
class ActivationProposalAdmin(_OfAModelAdmin):
    people = ("proposed_by", "decided_by")
    list_display = ("proposed_at", "model_version", "state", "proposed_by", "decided_by", "reason")
    list_filter = ("state",)
    date_hierarchy = "proposed_at"
    fields = (
        "model_version",
        "state",
        "proposed_at",
        "proposed_by",
        "reason",
        "decided_at",
        "decided_by",
        "note",
    )


@admin.register(OperatingDecision)
class OperatingDecisionAdmin(_OfAModelAdmin):
    people = ("decided_by",)
    list_display = ("decided_at", "model_version", "threshold", "basis", "decided_by", "reason")
    list_filter = ("basis",)
    date_hierarchy = "decided_at"
    fields = (
        "model_version",
        "decided_at",
        "decided_by",
        "reason",
        "basis",
        "basis_value",
        "workforce",
        "moderate_from",
        "threshold",
        "very_high_from",
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a model card: a label with a text, or with lines of its own."""

    label: str
    text: str = ""
    entries: tuple[Entry, ...] = ()


def _names(version: ModelVersion, language: str) -> dict[str, str]:
    schema = registry.schema_of(version)
    return {feature.name: say(feature.label, language) for feature in schema.everything}


# What a card's page draws: as lines of text it would bury the rest.
_DRAWN = frozenset({"curves", "operating", "fairness", "density", "path", "cost", "baselines"})


def _brief(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card without what only pictures can say."""
    return {
        key: value["rows"]
        if key == "duplicates" and isinstance(value, Mapping) and "rows" in value
        else _brief(value)
        if isinstance(value, Mapping) and not _is_words(value)
        else value
        for key, value in card.items()
        if key not in _DRAWN
    }


def card_entries(
    card: Mapping[str, Any], language: str, names: Mapping[str, str]
) -> Iterator[Entry]:
    """A model card as labelled lines in one language; `names` says the features' labels.

    A card holds what its training wrote, so any shape is shown; what has no label of its own goes
    by its key.
    """
    for key, value in card.items():
        label = _label(key)
        if isinstance(value, Mapping) and not _is_words(value):
            if value.keys() >= {"mean", "low", "high"}:
                parts = {part: _text(value[part], language) for part in ("mean", "low", "high")}
                yield Entry(label, _("{mean} ({low} to {high})").format(**parts))
            elif value.keys() == {"mean", "sd"}:
                yield Entry(
                    label, f"{_text(value['mean'], language)} ± {_text(value['sd'], language)}"
                )
            else:
                yield Entry(label, entries=tuple(card_entries(value, language, names)))
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            items = ({str(place): item} for place, item in enumerate(value, start=1))
            yield Entry(
                label,
                entries=tuple(
                    entry for item in items for entry in card_entries(item, language, names)
                ),
            )
        elif isinstance(value, list):
            said = (names.get(str(item)) or _text(item, language) for item in value)
            yield Entry(label, ", ".join(said))
        else:
            yield Entry(label, _text(value, language))


def _label(key: str) -> str:
    labels = {
        "name": _("Short name"),
        "title": _("Name"),
        "source": _("Training data"),
        "rows": _("People it learned from"),
        "leavers": _("Of whom left"),
        "data_sha256": _("SHA-256 of the training data"),
        "target": _("What is predicted"),
        "inputs": _("Inputs"),
        "audit_attributes": _("Audit attributes, never an input"),
        "left_out": _("Left out, and why"),
        "method": _("Method"),
        "evaluation": _("How good it is"),
        "protocol": _("How that was measured"),
        "metrics": _("Measures"),
        "roc_auc": _("ROC AUC"),
        "average_precision": _("Average precision"),
        "brier": _("Brier score"),
        "log_loss": _("Log loss"),
        "calibration_error": _("Calibration error"),
        "operating_point": _("Operating point"),
        "conversations_per_leaver": _("Conversations worth having per leaver"),
        "trained_with": _("Trained with"),
        "compiled": _("Compiled to tables"),
        "largest_probability_gap": _("Most that compiling it changed a risk by"),
        "roc_auc_gap": _("Most that compiling it changed the ROC AUC by"),
        "drawn": _("Employees drawn to learn from"),
        "base_rate": _("Share who left"),
        "duplicates": _("Rows that repeat another"),
        "repeated_employees": _("Employees in several rows"),
        "set_aside": _("Rows set aside"),
        "no_answer": _("Without an answer"),
        "unreadable": _("That could not be read"),
        "pairs": _("Pairs of inputs"),
        "features": _("Inputs"),
        "pairs_tried": _("Pairs that were tried"),
        "floor": _("The lowest risk that there is"),
        "selection": _("How the inputs were chosen"),
        "not_for": _("What it is not for"),
        "kept": _("Inputs kept"),
        "kept_by_breiman": _("Inputs that Breiman’s rule would keep"),
        "rule": _("Rule"),
    }
    # A column's name in capitals stays as it is written.
    return labels.get(key) or (key.replace("_", " ").capitalize() if key.islower() else key)


def _is_words(value: Mapping[str, Any]) -> bool:
    return bool(value) and value.keys() <= set(LANGUAGES)


def _text(value: Any, language: str) -> str:
    if isinstance(value, Mapping):
        return say(value, language)
    if isinstance(value, bool) or value is None:
        return _("Yes") if value else "–" if value is None else _("No")
    if isinstance(value, int):
        return number_format(value, force_grouping=True)
    if isinstance(value, float):
        exact = f"{value:.4g}"
        return exact if "e" in exact else number_format(exact, use_l10n=True)
    return str(value)


def _pretty(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)
