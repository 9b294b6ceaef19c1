"""What drives the risk across the workforce, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from mlcore.engine.features import Feature
from mlcore.engine.schema import FeatureSchema
from predictions.explanation import Reason, label_of
from predictions.overview.counts import told
from predictions.small_groups import FEWEST, Group, about, must_round, shown

_STRONGEST = 8  # that are shown at once
_DIGITS = 3  # of the end of a range, where it is not whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """One condition, or two together, over everyone."""

    label: str
    up: float
    """Mean over everyone of what it adds to the risk where it raises it, in log-odds."""
    down: float
    """The same where it lowers it; zero or less."""
    raised: int
    """People whose risk it raises more than a little."""
    lowered: int
    reason: Reason | None
    """The answer, or the range, that adds most; None where there is none."""
    points: int
    """What it adds to these people's risk on average, in percentage points."""
    few: bool
    """Whether it is one of too few people to be told of."""
    people: int
    """Who gave that answer, or lie in that range."""
    rounded: bool
    """Whether only about how many they are may be said."""

    @property
    def about(self) -> int:
        """About how many these people are."""
        return about(self.people)

    @property
    def counts(self) -> tuple[str, str]:
        """How many people's risk it raises and lowers, in words."""
        return told(self.raised, rounded=self.rounded), told(self.lowered, rounded=self.rounded)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drivers:
    """Every term of the active model, what raises most first."""

    everything: list[Driver]
    people: int
    """Whom the active model assessed last."""

    @property
    def strongest(self) -> list[Driver]:
        return self.everything[:_STRONGEST]

    @property
    def largest(self) -> float:
        """The longest side of a bar, in mean log-odds."""
        return max((max(d.up, -d.down) for d in self.everything), default=0.0)

    @property
    def has_pairs(self) -> bool:
        return any(" × " in driver.label for driver in self.everything)


def drivers(content: Mapping[str, Any], *, schema: FeatureSchema, language: str) -> Drivers | None:
    """What an account says of the model's terms; None with fewer people than a group may have.

    `schema` is that of the account's model.
    """
    told = content["effects"]
    if told is None or told["people"] < FEWEST:
        return None
    rounded = {
        way["name"]: shown([Group(*value) for value in way["values"]]).rounded
        for way in content["by"]
        if way["kind"] == "input"
    }
    everything = []
    for term in told["terms"]:
        name = term["name"]
        most = term.get("most")
        few = bool(most) and most["people"] < FEWEST
        if few:
            most = None
        everything.append(
            Driver(
                label=label_of(schema, name, language),
                up=term["up"],
                down=term["down"],
                raised=term["raised"],
                lowered=term["lowered"],
                reason=_reason(schema, name, most, language) if most else None,
                points=round(100 * most["risk"]) if most else 0,
                few=few,
                people=most["people"] if most else 0,
                rounded=rounded.get(name, False) or _tells(term, told["people"]),
            )
        )
    everything.sort(key=lambda driver: -driver.up)
    return Drivers(everything=everything, people=told["people"])


def _tells(term: Mapping[str, Any], people: int) -> bool:
    """Whether the exact numbers of a term would tell of few people."""
    parts = (term["raised"], term["lowered"], people - term["raised"] - term["lowered"])
    return must_round([part for part in parts if 0 < part < FEWEST])


def _reason(schema: FeatureSchema, name: str, most: Mapping[str, Any], language: str) -> Reason:
    feature = schema.by_name[name]
    if "range" in most:
        low, high = most["range"]
        text = _range(feature, low, high, language)
    elif most["value"] is None:
        text = _("Not known")
    else:
        text = feature.value_text(most["value"], language)
    return Reason(
        features=(name,),
        label=label_of(schema, name, language),
        values=(most.get("value"),),
        value_text=text,
        contribution=most["adds"],
        actionable=feature.actionable,
        beyond_seen=False,
    )


def _range(feature: Feature, low: float | None, high: float | None, language: str) -> str:
    def text(value: float) -> str:
        rounded = value if feature.integer else float(f"{value:.{_DIGITS}g}")
        return feature.value_text(rounded, language)

    if low is not None and high is not None:
        if low == high:
            return text(low)
        return _("{low} to {high}").format(low=text(low), high=text(high))
    if low is not None:
        return _("{low} or more").format(low=text(low))
    if high is not None:
        return _("{high} or less").format(high=text(high))
    return _("whatever the answer")
