"""Whether what was read as a model can be trusted with a page, a database and any employee.

The hashes of an artifact say that nobody altered it, not that its author was careful or kind. What
is found here keeps every probability finite, every text storable and every list of a length that a
page can show. Each function gives the first fault as a sentence's end, or `""`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.shapes import Axis, Curve, Shape
from mlcore.engine.words import LANGUAGES

MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""What the version of a model begins with."""

RESERVED_NAMES = frozenset({EMPLOYEE_ID, "csrfmiddlewaretoken", "format"})
"""What a form or a request of the product calls something else; names with an underscore in front
are its own too."""

_DEEPEST = 32  # levels of JSON
_LONGEST_TEXT = 10_000  # characters
_LONGEST_NAME = 64
_LONGEST_WORD = 10_000  # an answer, a header, an alias: a file may have questions for headers
_MOST_FEATURES = 1_000
_MOST_CHOICES = 2_000  # of one feature
_MOST_ALIASES = 1_000
_MOST_KNOTS = 20_000  # of one curve
_MOST_CELLS = 1_000_000  # of all pairs
_LARGEST_NUMBER = 1e15  # of an input: beyond it a float skips whole numbers
_LARGEST_LOG_ODDS = 1e3  # of one contribution: e^-1000 is 0 already

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""The null character and halves of broken pairs: no database stores them."""


def json_fault(value: Any, depth: int = 0) -> str:
    """Why JSON data cannot be stored or shown."""
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT or UNSTORABLE.search(value):
            return "a text is too long or holds what cannot be stored."
    elif isinstance(value, float):
        return "" if math.isfinite(value) else "a number is not finite."
    elif isinstance(value, int):
        return "" if -(2**63) <= value < 2**63 else "a number is too large."
    elif isinstance(value, (dict, list)):
        if depth >= _DEEPEST:
            return "it is nested too deep."
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        return next((fault for part in parts if (fault := json_fault(part, depth + 1))), "")
    return ""


def is_words(value: Any) -> bool:
    """Whether `value` is a text by language."""
    return isinstance(value, Mapping) and all(
        isinstance(language, str) and isinstance(text, str) and len(text) <= _LONGEST_TEXT
        for language, text in value.items()
    )


def is_said(value: Any) -> bool:
    """Whether `value` is a text by language that says something in one that the product speaks."""
    return is_words(value) and any(value.get(language, "").strip() for language in LANGUAGES)


def card_fault(card: Mapping[str, Any]) -> str:
    """Why a card cannot name its model; what else it holds is `card_shape`'s."""
    name = card.get("name", "model")
    if not isinstance(name, str) or not MODEL_NAME.fullmatch(name):
        return "its name has at most 40 of a-z, 0-9 and hyphens."
    for key in ("title", "source"):
        if not is_words(card.get(key, {})):
            return f"its {key} is no text by language."
    return ""


# ------------------------------------------------------------------ the schema


def schema_fault(schema: FeatureSchema) -> str:
    """Why a form, a description or a file reader could not be made of a schema."""
    if not 1 <= len(schema.features) <= len(schema.everything) <= _MOST_FEATURES:
        return f"it has from 1 to {_MOST_FEATURES} features."
    if not _texts(schema.identifier_aliases):
        return "its aliases are no texts."
    for section in schema.sections:
        if not _text(section.name) or not is_said(section.label):
            return "a section has a name and a label."
    return next(
        (f"{feature.name!s:.40}: {fault}" for feature in schema.everything
         for fault in _feature_faults(feature)), ""
    )  # fmt: skip


def _feature_faults(feature: Feature) -> Iterator[str]:
    name = feature.name
    if not (isinstance(name, str) and name.isidentifier() and len(name) <= _LONGEST_NAME):
        yield f"a name is an identifier of at most {_LONGEST_NAME} characters."
    elif name in RESERVED_NAMES or name.startswith("_"):
        yield "this name is one of the product’s own fields."
    if not (_text(feature.column) and _text(feature.section)):
        yield "its column and its section are texts."
    if not (is_words(feature.label) and is_words(feature.help) and is_words(feature.unit)):
        yield "its label, help and unit are texts by language."
    elif not is_said(feature.label):
        yield "its label says nothing."
    if not all(map(_texts, (feature.aliases, feature.marks, feature.blank_words))):
        yield "its aliases, marks and words for a blank are texts."
    if not (isinstance(feature.integer, bool) and isinstance(feature.actionable, bool)):
        yield "whether it is whole, and whether it can be acted on, is true or false."
    if feature.kind == "number":
        limits = (feature.minimum, feature.maximum, *(feature.seen or ()))
        typical = () if feature.typical is None else (feature.typical,)
        if not all(map(_number, (*limits, *typical))):
            yield f"its numbers lie within ±{_LARGEST_NUMBER:g}."
    else:
        yield from _choice_faults(feature)


def _choice_faults(feature: Feature) -> Iterator[str]:
    if len(feature.choices) > _MOST_CHOICES:
        yield f"it has at most {_MOST_CHOICES} choices."
    for choice in feature.choices:
        if feature.kind == "scale":
            sound = type(choice.value) is int and _number(choice.value)
        else:
            sound = isinstance(choice.value, str) and _text(choice.value) and choice.value != ""
        if not (sound and is_said(choice.label) and _texts(choice.aliases)):
            yield "a choice has a value, a label and aliases."
    values = {choice.value for choice in feature.choices}
    if feature.typical is not None and feature.typical not in values:
        yield "its typical value is one of its choices."


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_WORD


def _texts(values: Any) -> bool:
    return len(values) <= _MOST_ALIASES and all(map(_text, values))


def _number(value: Any) -> bool:
    # A bool is an int to Python.
    return type(value) in (int, float) and abs(value) <= _LARGEST_NUMBER


# ------------------------------------------------------------------ the model


def model_fault(model: GlassBoxModel) -> str:
    """Why a probability might not be finite, or a model too large to serve."""
    if not abs(model.intercept) <= _LARGEST_LOG_ODDS:
        return "its intercept is too large."
    for name, shape in model.shapes.items():
        if fault := _shape_fault(shape):
            return f"the shape of {name:.40} {fault}"
    cells = 0
    for pair in model.pairs:
        cells += pair.axes[0].places * pair.axes[1].places
        if cells > _MOST_CELLS:
            return "its pairs are too large."
        if not all(abs(value) <= _LARGEST_LOG_ODDS for row in pair.values for value in row):
            return f"the pair {pair.name:.80} has values that are too large."
        if not all(map(_axis_is_sound, pair.axes)):
            return f"the pair {pair.name:.80} has cuts that are too large."
    return ""


def _shape_fault(shape: Shape) -> str:
    if isinstance(shape, Curve):
        values: Any = shape.values
        if len(shape.knots) > _MOST_KNOTS or not all(map(_number, shape.knots)):
            return "has too many knots, or knots that are too large."
    else:
        values = shape.values.values()
    if not all(abs(value) <= _LARGEST_LOG_ODDS for value in (*values, shape.missing)):
        return "has values that are too large."
    return ""


def _axis_is_sound(axis: Axis) -> bool:
    return all(map(_number, axis.cuts))
