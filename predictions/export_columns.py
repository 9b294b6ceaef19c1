"""Which columns a file of predictions has, and what is in their cells, in the reader's language.

They are those of every model among the predictions, so that predictions of different models stand
in one file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, cast

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet, Subquery
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.values import Value
from mlcore.engine.words import say
from mlcore.models import ModelVersion
from predictions.explanation import label_of, terms
from predictions.models import Batch, Source
from predictions.models.prediction import BandChoice, PredictionQuerySet
from predictions.search import answering, one_of_each_model

Cell = str | int | float | datetime | None
Record = dict[str, Any]
"""A prediction's columns, by `FIELDS`."""

FIELDS = (
    "id",
    "created_at",
    "employee_id",
    "probability",
    "band",
    "threshold",
    "base_rate",
    "source",
    "requested_by__username",
    "model_version_id",
    "request_id",
    "batch__name",
    "row",
    "groups",
    "audit_attributes",
    "inputs",
    "log_odds",
    "intercept",
    "floor",
    "contributions",
)
_LOOKED_AT = 10_000
_MOST_FILES, _MOST_GROUPS = 1_000, 50  # whose groups are columns, and how many of these
_PORTION = 500  # rows; one with everything in it takes about 10 KB


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of the file."""

    heading: str
    cell: Callable[[Record], Cell]
    style: str = "text"
    """How a spreadsheet shows it: text, number, percent, date or log_odds."""
    width: int = 14
    """In characters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What is in the file, settled before its first row."""

    language: str
    zone: tzinfo
    versions: dict[int, ModelVersion]
    """The models among the predictions, by id, the newest first."""
    employee: Column
    number: Column
    """By these two a row is found again on another sheet."""
    about: list[Column]
    """Who, when, and with what result; the two above among them."""
    groups: list[Column]
    """Of files' columns that no model asked for, those kept to compare groups of people by."""
    inputs: list[Column]
    contributions: list[Column]

    def records(self, queryset: PredictionQuerySet) -> Iterator[Record]:
        """The predictions, in the queryset's order.

        One that a model made which was not there when the columns were settled is left for the
        next export.
        """
        rows = queryset.filter(model_version__in=self.versions).values(*FIELDS)
        with _reading(connections[rows.db]):
            yield from rows.iterator(chunk_size=_PORTION)


def _reading(connection: BaseDatabaseWrapper) -> AbstractContextManager[object]:
    """Rows are sent while they are found.

    Outside of a transaction PostgreSQL would first gather all of them in a file. On SQLite a
    transaction would keep everyone from writing.
    """
    if connection.vendor != "postgresql":
        return nullcontext()
    return transaction.atomic(using=connection.alias, savepoint=False)


def layout(
    queryset: PredictionQuerySet,
    language: str,
    *,
    files: QuerySet[Batch] | None = None,
    audit_attributes: bool = False,
) -> Layout:
    """Settle the columns, with their headings in `language`, before any row is read.

    `files` are those that rows may be from, where that is known.
    """
    models, files = _behind(queryset, Batch.objects.all() if files is None else files)
    # A model's pairs are known from any of its predictions: all have the same terms.
    versions: dict[int, ModelVersion] = {
        version.pk: version
        for version in models.annotate(
            contributed=Subquery(one_of_each_model("contributions"))
        ).order_by("-registered_at")
    }
    contributed = {pk: cast(Any, version).contributed for pk, version in versions.items()}
    schemas = {pk: registry.schema_of(version) for pk, version in versions.items()}
    zone = timezone.get_current_timezone()
    with translation.override(language):
        inputs = _features(schemas, language, "inputs", lambda schema: schema.features)
        if audit_attributes:
            inputs += _features(schemas, language, "audit_attributes", lambda schema: schema.audit)
        employee = Column(heading=_("Employee"), cell=lambda r: r["employee_id"])
        number = Column(heading=_("Prediction"), cell=lambda r: str(r["id"]), width=38)
        about = _about(versions, zone, employee=employee, number=number)
        groups = [_group(header) for header in _group_headers(files)]
        named = distinct([*about, *groups, *inputs])
        return Layout(
            language=language,
            zone=zone,
            versions=versions,
            employee=employee,
            number=number,
            about=named[: len(about)],
            groups=named[len(about) : len(about) + len(groups)],
            inputs=named[len(about) + len(groups) :],
            contributions=distinct(_contributions(schemas, contributed, language)),
        )


def _behind(
    queryset: PredictionQuerySet, files: QuerySet[Batch]
) -> tuple[QuerySet[ModelVersion], QuerySet[Batch]]:
    """The models that made these predictions, and the files that they are from.

    Where they are many, all models that made any, and all of `files`: to know those of millions,
    each would be read before the first line is sent.
    """
    some = queryset.order_by().values_list("model_version", "batch")[: _LOOKED_AT + 1]
    found = list(some)
    if len(found) > _LOOKED_AT:
        return answering(), files
    models = {model for model, _batch in found}
    batches = {batch for _model, batch in found if batch is not None}
    return ModelVersion.objects.filter(pk__in=models), Batch.objects.filter(pk__in=batches)


def _group_headers(files: QuerySet[Batch]) -> list[str]:
    """What people are grouped by in these files, the newest first, and no more than fit beside."""
    grouped = files.filter(started_at__isnull=False).exclude(grouped=[]).order_by("-started_at")
    found = grouped.only("headers", "grouped", "group_names")[:_MOST_FILES]
    names = dict.fromkeys(file.group_name(place) for file in found for place in file.grouped)
    return list(names)[:_MOST_GROUPS]


def _group(header: str) -> Column:
    return Column(heading=header, cell=lambda record: record["groups"].get(header))


def _about(
    versions: dict[int, ModelVersion], zone: tzinfo, *, employee: Column, number: Column
) -> list[Column]:
    # Texts are fetched now: the rows are written when the language may have changed.
    bands = {value: str(label) for value, label in BandChoice.choices}
    sources = {value: str(label) for value, label in Source.choices}
    date = _("Date ({time_zone})").format(time_zone=zone)
    return [
        Column(
            heading=date,
            cell=lambda r: r["created_at"].astimezone(zone).replace(tzinfo=None, microsecond=0),
            style="date",
            width=20,
        ),
        employee,
        Column(heading=_("Risk of leaving"), cell=lambda r: r["probability"], style="percent"),
        Column(heading=_("Level of risk"), cell=lambda r: bands.get(r["band"], r["band"])),
        Column(heading=_("Threshold"), cell=lambda r: r["threshold"], style="percent"),
        Column(
            heading=_("Share of leavers in the training data"),
            cell=lambda r: r["base_rate"],
            style="percent",
        ),
        Column(heading=_("Source"), cell=lambda r: sources.get(r["source"], r["source"])),
        Column(heading=_("File"), cell=lambda r: r["batch__name"], width=20),
        Column(heading=_("Line in the file"), cell=lambda r: r["row"], style="number"),
        Column(heading=_("Requested by"), cell=lambda r: r["requested_by__username"]),
        Column(
            heading=_("Model"), cell=lambda r: versions[r["model_version_id"]].version, width=18
        ),
        Column(heading=_("Request"), cell=lambda r: r["request_id"], width=18),
        number,
    ]


def _features(
    schemas: dict[int, FeatureSchema],
    language: str,
    field: str,
    of: Callable[[FeatureSchema], tuple[Feature, ...]],
) -> list[Column]:
    """A column per feature of any model; its heading is the newest model's."""
    newest: dict[str, Feature] = {}
    for schema in schemas.values():
        for feature in of(schema):
            newest.setdefault(feature.name, feature)

    def column(feature: Feature) -> Column:
        name = feature.name

        def cell(record: Record) -> Cell:
            value = record[field].get(name)
            own = schemas[record["model_version_id"]].by_name.get(name)
            return _worded(own, value, language) if own else value

        return Column(
            heading=heading(feature, language),
            cell=cell,
            style="text" if feature.kind == "choice" else "number",
        )

    return [column(feature) for feature in newest.values()]


def _contributions(
    schemas: dict[int, FeatureSchema], contributed: dict[int, Collection[str]], language: str
) -> list[Column]:
    """A column per feature and per pair of any model; its heading is the newest model's."""
    newest: dict[str, str] = {}
    for pk, schema in schemas.items():
        for name in terms(schema, contributed[pk]):
            newest.setdefault(name, label_of(schema, name, language))

    def column(name: str, label: str) -> Column:
        return Column(
            heading=_("Contribution: {feature}").format(feature=label),
            cell=lambda record: record["contributions"].get(name),
            style="log_odds",
        )

    return [
        Column(
            heading=_("Log-odds of the average employee"),
            cell=lambda r: r["intercept"],
            style="log_odds",
        ),
        *(column(*term) for term in newest.items()),
        Column(heading=_("Log-odds"), cell=lambda r: r["log_odds"], style="log_odds"),
        Column(
            heading=_("Share that leaves whatever the conditions"),
            cell=lambda r: r["floor"],
            style="percent",
        ),
    ]


def _worded(feature: Feature, value: Value, language: str) -> Cell:
    """A choice in words; a number, and a step of a scale, as a number one can calculate with."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or feature.kind != "choice":
        return value
    return feature.choice_label(value, language)


def heading(feature: Feature, language: str) -> str:
    """What a feature's column is called: its label, with its steps or its unit."""
    label = say(feature.label, language, feature.name)
    if feature.kind == "scale" and feature.choices:
        return f"{label} ({feature.choices[0].value}–{feature.choices[-1].value})"
    unit = feature.units(language)
    return f"{label} ({unit})" if unit else label


def distinct(columns: list[Column]) -> list[Column]:
    """The columns, with a number after a heading that occurred before."""
    seen: dict[str, int] = {}
    named = []
    for column in columns:
        seen[column.heading] = count = seen.get(column.heading, 0) + 1
        heading = column.heading if count == 1 else f"{column.heading} ({count})"
        named.append(
            Column(heading=heading, cell=column.cell, style=column.style, width=column.width)
        )
    return named
