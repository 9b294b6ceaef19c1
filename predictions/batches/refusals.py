"""Why rows of a file were refused: kept as codes, told as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcore.engine.schema import EMPLOYEE_ID, FeatureSchema
from mlcore.engine.values import shown
from mlcore.engine.words import Problem, say
from predictions.models import RefusedRow

# These come from the schema again when the sentence is written: a page of refusals would otherwise
# hold the same list of answers a thousand times, in every language.
_FROM_THE_SCHEMA = frozenset({"choices"})
_ERASED = "…"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """One thing to correct in one row."""

    field: str
    """By its name in the schema; `""` for the row as a whole."""
    column: str
    """The header of its column in the file; the field's label where the file has no such column,
    `""` for the row as a whole."""
    given: str
    """What stands there, short and printable; `""` for nothing."""
    text: str
    """What is wrong and what to do."""


def stored(
    headers: Mapping[str, str],
    given: Mapping[str, object],
    problems: Mapping[str, Sequence[Problem]],
) -> list[dict[str, Any]]:
    """What `RefusedRow.problems` holds of one row.

    `headers` and `given` are by field: the header of its column, and the cell as it stands there.
    """
    return [
        {
            "field": field,
            "header": headers.get(field, ""),
            # As it stands in the file: what was judged has its decimal sign settled.
            "given": shown(given.get(field, "")),
            "code": problem.code,
            "params": {
                name: value
                for name, value in problem.params.items()
                if name != "given" and name not in _FROM_THE_SCHEMA
            },
        }
        for field, found in problems.items()
        for problem in found
    ]


def without_values(problems: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stored problems that no longer quote a cell, for when the file's term is over."""
    return [{**problem, "given": _ERASED if problem["given"] else ""} for problem in problems]


def sentences(refused: RefusedRow, schema: FeatureSchema, language: str) -> list[Refusal]:
    """Everything that is to be corrected in a row, in the order in which it was found."""
    return [_sentence(problem, schema, language) for problem in refused.problems]


def _sentence(problem: Mapping[str, Any], schema: FeatureSchema, language: str) -> Refusal:
    feature = schema.by_name.get(problem["field"])
    params = {**problem["params"], "given": problem["given"]}
    if feature is not None and feature.choices:
        params["choices"] = [choice.label for choice in feature.choices]
    label = say(feature.label, language) if feature is not None else ""
    return Refusal(
        field=problem["field"],
        column=problem["header"] or label or _plain_name(problem["field"]),
        given=problem["given"],
        text=Problem(problem["code"], params).text(language),
    )


def _plain_name(field: str) -> str:
    """A field that has neither a column nor a label: the employee's reference, or the row."""
    return field if field != EMPLOYEE_ID else ""
