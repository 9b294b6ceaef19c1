"""The share of people at high risk, by their department or by any answer that divides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from mlcore.engine.schema import FeatureSchema
from mlcore.engine.words import say
from predictions.batches import ranking
from predictions.models import Batch
from predictions.small_groups import Group, ShownGroup, shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to divide everyone."""

    code: str
    """As the address has it: `group:Department`, `input:over_time`."""
    label: str
    from_files: bool
    """Whether files told it, and not the model asked it."""
    chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Everyone divided in one way, the highest share first."""

    ways: list[Way]
    bars: list[ShownGroup]
    hidden: int
    """Groups that are too small to be shown."""
    rounded: bool
    """Whether the others are rounded, so that these cannot be worked out."""
    share: float
    """At high risk of everyone, 0 to 1."""

    @property
    def chosen(self) -> Way:
        return next(way for way in self.ways if way.chosen)

    @property
    def from_files(self) -> list[Way]:
        return [way for way in self.ways if way.from_files]

    @property
    def from_model(self) -> list[Way]:
        return [way for way in self.ways if not way.from_files]

    @property
    def most(self) -> float:
        """The share that reaches the edge."""
        return max([self.share, *(bar.share for bar in self.bars)])


def comparison(
    content: Mapping[str, Any],
    *,
    schema: FeatureSchema | None,
    by: str,
    share: float,
    language: str,
    file: Batch | None = None,
) -> Comparison | None:
    """What an account says of groups, divided by the way `by`; None where nothing divides them.

    Of a way that is not there, and of none, the first that has two groups to compare is taken.
    `schema` is that of the account's model, `file` the one whose list the groups lead to.
    """
    ways = {}
    for way in content["by"]:
        if way["kind"] == "group" or (schema and way["name"] in schema.by_name):
            ways[f"{way['kind']}:{way['name']}"] = way
    groups = {code: [Group(*value) for value in way["values"]] for code, way in ways.items()}
    visible = {code: shown(every) for code, every in groups.items()}
    chosen = by if by in ways else next((c for c in ways if len(visible[c].groups) > 1), "")
    if not chosen:
        return None
    found = visible[chosen]
    bars = [
        ShownGroup(
            label=_label(ways[chosen], group, schema, language),
            group=group,
            rounded=found.rounded,
            address=_address(file, content["model"], ways[chosen], group),
        )
        for group in found.groups
    ]
    bars.sort(key=lambda bar: (bar.group.value is None, -bar.share, bar.label))
    return Comparison(
        ways=[
            Way(
                code=code,
                label=_name(way, schema, language),
                from_files=way["kind"] == "group",
                chosen=code == chosen,
            )
            for code, way in ways.items()
        ],
        bars=bars,
        hidden=found.hidden,
        rounded=found.rounded,
        share=share,
    )


def _address(file: Batch | None, model: int | None, way: Mapping[str, Any], group: Group) -> str:
    if file is None:
        return ""
    if way["kind"] == "group":
        kept = [file.group_name(place) for place in file.cut.get("grouped", ())]
        if way["name"] not in kept or group.value is None:
            return ""
        key = ranking.group_key(way["name"])
    elif file.model_version_id == model:
        key = ranking.answer_key(way["name"])
    else:
        return ""
    query = urlencode({key: ranking.value_text(group.value)})
    return f"{file.get_absolute_url()}?{query}#list"


def _name(way: Mapping[str, Any], schema: FeatureSchema | None, language: str) -> str:
    name: str = way["name"]
    if way["kind"] == "group" or schema is None:
        return name
    return say(schema.by_name[name].label, language, name)


def _label(
    way: Mapping[str, Any], group: Group, schema: FeatureSchema | None, language: str
) -> str:
    if group.value is None:
        return _("Not known")
    if way["kind"] == "group" or schema is None:
        return str(group.value)
    return schema.by_name[way["name"]].value_text(group.value, language)
