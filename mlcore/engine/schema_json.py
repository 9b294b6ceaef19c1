"""A feature as JSON data, and back: how a model's folder and the database keep a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mlcore.engine.features import Choice, Feature

_WORDS = ("label", "help", "unit")
_DEFAULTS: dict[str, Any] = {f.name: {} if f.name in _WORDS else f.default for f in fields(Feature)}


def feature_to_json(feature: Feature) -> dict[str, Any]:
    """Only what differs from the defaults: a schema is also read by people."""
    stored: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        value = getattr(feature, name)
        if value == default:
            continue
        if name in _WORDS:
            value = dict(value)
        elif name == "choices":
            value = [
                {"value": c.value, "label": dict(c.label)}
                | ({"aliases": list(c.aliases)} if c.aliases else {})
                for c in value
            ]
        elif isinstance(value, tuple):
            value = list(value)
        stored[name] = value
    return stored


def feature_from_json(stored: Mapping[str, Any]) -> Feature:
    given = dict(stored)
    given["choices"] = tuple(
        Choice(value=c["value"], label=c["label"], aliases=tuple(c.get("aliases", ())))
        for c in stored.get("choices", ())
    )
    for name in ("aliases", "marks", "blank_words"):
        given[name] = tuple(stored.get(name, ()))
    if stored.get("seen") is not None:
        given["seen"] = (stored["seen"][0], stored["seen"][1])
    return Feature(**given)
