"""A schema in the words of JSON Schema (2020-12), which OpenAPI 3.1 speaks too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlcore.engine.features import Feature
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import IDENTIFIER_LENGTH, Value
from mlcore.engine.words import say


def json_schema(schema: FeatureSchema, language: str = "en") -> dict[str, Any]:
    """One employee as `FeatureSchema.clean` accepts it.

    Two rules stand in the description alone: a number may be given as text, and at least one of
    the model's inputs must be known.
    """
    properties: dict[str, Any] = {
        EMPLOYEE_ID: {
            "type": ["string", "null"],
            "maxLength": IDENTIFIER_LENGTH,
            "pattern": r"^[ -~\u00a1-\u00ac\u00ae-\u02ff]*$",
            "description": "Your own reference, by which the prediction is found again.",
        }
    }
    for feature in schema.features:
        properties[feature.name] = describe(feature, language)
    for feature in schema.audit:
        described = describe(feature, language)
        described["description"] += " Kept apart for fairness audits; never used by the model."
        properties[feature.name] = described
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": properties,
        "description": "An employee. What is absent or null is a blank: it counts as the average "
        "employee's, or as what the model learned from people of whom it was not known either, "
        "never as zero; and it is listed as missing. At least one input of the model must be known."
        " Numbers may also be given as text.",
        "example": example(schema),
    }


def describe(feature: Feature, language: str = "en") -> dict[str, Any]:
    """One feature as a JSON Schema property."""
    unit, help_text = feature.units(language), say(feature.help, language)
    label = say(feature.label, language) + (f" ({unit})" if unit else "") + "."
    return {
        "title": say(feature.label, language),
        "description": f"{label} {help_text}".strip(),
        **_TYPES[feature.kind](feature, language),
    }


def example(schema: FeatureSchema) -> dict[str, Value]:
    """A complete, acceptable employee: the typical value of each input."""
    return {EMPLOYEE_ID: "E-1024"} | {f.name: f.typical for f in schema.features}


def _number(feature: Feature, language: str) -> dict[str, Any]:
    return {
        "type": ["integer" if feature.integer else "number", "null"],
        "minimum": feature.minimum,
        "maximum": feature.maximum,
    }


def _choice(feature: Feature, language: str) -> dict[str, Any]:
    accepted: list[object] = [choice.value for choice in feature.choices]
    aliases = {alias for choice in feature.choices for alias in choice.aliases}
    if {"true", "false"} <= aliases:
        accepted += [True, False]
    return {"enum": [*accepted, None]}


def _scale(feature: Feature, language: str) -> dict[str, Any]:
    words = [say(choice.label, language) for choice in feature.choices]
    meaning = ", ".join(f"{c.value} = {w}" for c, w in zip(feature.choices, words, strict=True))
    return {
        "enum": [*(choice.value for choice in feature.choices), *words, None],
        "x-scale": meaning,
    }


_TYPES: dict[str, Callable[[Feature, str], dict[str, Any]]] = {
    "number": _number,
    "choice": _choice,
    "scale": _scale,
}
