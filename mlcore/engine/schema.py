"""What a model asks about an employee: its features, and the one validation of their values.

The schema draws the form, the API's description, the file reader and the admin. A raw row from any
door becomes a `CleanRow` here or nowhere; the type checker refuses a row that did not.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, NewType, cast

from mlcore.engine.values import (
    READERS,
    InvalidValueError,
    Reader,
    Value,
    known,
    read_identifier,
    shown,
)
from mlcore.engine.words import Problem, Words, number_text, say

Kind = Literal["number", "scale", "choice"]

EMPLOYEE_ID = "employee_id"
ROW = ""
"""The field under which a problem of the row as a whole is reported."""

_UNKNOWN_FIELDS_REPORTED = 20


class SchemaError(ValueError):
    """A row that cannot be accepted: every problem, by field."""

    def __init__(self, problems: Mapping[str, Sequence[Problem]]) -> None:
        super().__init__(", ".join(f"{name}: {p[0].code}" for name, p in problems.items()))
        self.problems = problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One answer to a choice, or one step of a scale."""

    value: str | int
    """The data's own word; for a scale, the step's number."""
    label: Words
    aliases: tuple[str, ...] = ()
    """Other words by which the answer is recognised."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One thing that is known about an employee."""

    name: str
    """snake_case of the column."""
    column: str
    """The header in the file that the model was trained on."""
    kind: Kind
    label: Words
    section: str = ""
    help: Words = field(default_factory=dict)
    unit: Words = field(default_factory=dict)
    integer: bool = True
    """Whole numbers only; matters for kind `number`."""
    minimum: float = 0
    maximum: float = 0
    """Limits of what is accepted, for kind `number`."""
    seen: tuple[float, float] | None = None
    """Smallest and largest value in the training data; beyond it a shape is flat."""
    typical: Value = None
    """Median of the training data; for a choice, its most frequent value."""
    choices: tuple[Choice, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other headers by which a file's column is recognised."""
    actionable: bool = False
    """Something that an employer can change."""

    @cached_property
    def read(self) -> Reader:
        """The reader of this feature's raw values."""
        return READERS[self.kind](self)

    def choice_label(self, value: Value, language: str) -> str:
        """The words for a choice's value; the value itself if it is not one of the choices."""
        for choice in self.choices:
            if choice.value == value:
                return say(choice.label, language, str(value))
        return str(value)

    def value_text(self, value: Value, language: str) -> str:
        """A clean value as a person reads it, with its unit; `""` for a blank."""
        if value is None:
            return ""
        if self.kind == "number" and isinstance(value, (int, float)):
            unit = say(self.unit, language)
            text = number_text(value, language)
            if unit == "%" and language[:2] == "en":
                return f"{text}%"
            return f"{text}\u00a0{unit}" if unit else text
        return self.choice_label(value, language)

    def beyond_seen(self, value: Value) -> bool:
        """Whether a number lies outside what the model was trained on."""
        if self.seen is None or not isinstance(value, (int, float)):
            return False
        return not self.seen[0] <= value <= self.seen[1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A group of features that are asked together."""

    name: str
    label: Words


@dataclass(frozen=True, slots=True)
class Row:
    """One employee: the model's inputs, and apart from them what only audits use."""

    employee_id: str
    inputs: Mapping[str, Value]
    """By feature name, in the schema's order, every feature present."""
    audit: Mapping[str, Value]
    """Audit attributes that were given; blanks are left out."""


CleanRow = NewType("CleanRow", Row)
"""A row that `FeatureSchema.clean` accepted."""


@dataclass(frozen=True, slots=True)
class CleanFrame:
    """Many employees by column, each row judged exactly as `FeatureSchema.clean` judges it."""

    employee_ids: list[str]
    inputs: dict[str, list[Value]]
    """By feature, one value per accepted row."""
    audit: dict[str, list[Value]]
    positions: list[int]
    """For each accepted row, its place in what was given."""
    problems: dict[int, dict[str, list[Problem]]]
    """For each refused row, by its place, every problem by field."""

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def from_rows(cls, schema: FeatureSchema, rows: Sequence[CleanRow]) -> CleanFrame:
        """The frame of rows that `schema` has cleaned one by one."""
        return cls(
            [row.employee_id for row in rows],
            {f.name: [row.inputs[f.name] for row in rows] for f in schema.features},
            {f.name: [row.audit.get(f.name) for row in rows] for f in schema.audit},
            list(range(len(rows))),
            {},
        )

    def row(self, index: int) -> CleanRow:
        """The accepted row number `index`."""
        return CleanRow(
            Row(
                self.employee_ids[index],
                {name: column[index] for name, column in self.inputs.items()},
                {
                    name: column[index]
                    for name, column in self.audit.items()
                    if column[index] is not None
                },
            )
        )


@dataclass(frozen=True, kw_only=True)
class FeatureSchema:
    """The inputs of a model, the attributes kept for audits, and the sections of the form."""

    features: tuple[Feature, ...]
    audit: tuple[Feature, ...] = ()
    """Accepted and stored apart, to measure fairness; never an input."""
    sections: tuple[Section, ...] = ()
    identifier_aliases: tuple[str, ...] = ()
    """Headers by which a file's employee reference is recognised."""

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.everything]
        if len(set(names)) != len(names) or EMPLOYEE_ID in names:
            raise ValueError("feature names must be unique")

    @property
    def everything(self) -> tuple[Feature, ...]:
        """Inputs, then audit attributes."""
        return self.features + self.audit

    @cached_property
    def by_name(self) -> dict[str, Feature]:
        """Every feature, audit attributes included, by name."""
        return {feature.name: feature for feature in self.everything}

    @cached_property
    def _input_readers(self) -> tuple[tuple[str, Reader], ...]:
        return tuple((feature.name, feature.read) for feature in self.features)

    @cached_property
    def _audit_readers(self) -> tuple[tuple[str, Reader], ...]:
        return tuple((feature.name, feature.read) for feature in self.audit)

    # ---------------------------------------------------------------- validation

    def clean(self, raw: object) -> CleanRow:
        """Judge one raw row, whatever the door.

        `raw` maps feature names, and `employee_id`, to raw values; what is absent is a blank.
        Raises `SchemaError` with every problem by field.
        """
        if not isinstance(raw, Mapping):
            raise SchemaError({ROW: [Problem("not_an_object")]})
        problems: dict[str, list[Problem]] = {}
        get = raw.get
        employee_id = ""
        try:
            employee_id = read_identifier(get(EMPLOYEE_ID))
        except InvalidValueError as error:
            problems[EMPLOYEE_ID] = [error.problem]
        inputs: dict[str, Value] = {}
        for name, read in self._input_readers:
            try:
                inputs[name] = read(get(name))
            except InvalidValueError as error:
                problems[name] = [error.problem]
        audit: dict[str, Value] = {}
        for name, read in self._audit_readers:
            try:
                if (value := read(get(name))) is not None:
                    audit[name] = value
            except InvalidValueError as error:
                problems[name] = [error.problem]
        if not raw.keys() <= self._accepted:
            problems.update(self._unknown(raw))
        if not problems and not known(inputs.values()):
            problems[ROW] = [Problem("nothing_known")]
        if problems:
            raise SchemaError(problems)
        return CleanRow(Row(employee_id, inputs, audit))

    def clean_frame(self, columns: Mapping[str, Sequence[object]]) -> CleanFrame:
        """Judge many rows given by column, with `clean`'s verdict and words for each.

        `columns` maps names as `clean` knows them to sequences of equal length. A value that occurs
        again is judged once, so the cost grows with the distinct values, not with the cells.
        Raises `SchemaError` when a column is unknown.
        """
        if unknown := self._unknown(columns):
            raise SchemaError(unknown)
        count = len(next(iter(columns.values()))) if columns else 0
        problems: dict[int, dict[str, list[Problem]]] = {}

        def read_column(name: str, read: Reader) -> list[Value]:
            if name not in columns:
                return [None] * count
            judged: dict[tuple[type, object], Value | Problem] = {}
            values: list[Value] = []
            for position, raw in enumerate(columns[name]):
                # 1, 1.0 and True are equal keys; their class tells them apart.
                key = (raw.__class__, raw)
                try:
                    verdict = judged[key]
                except KeyError:
                    verdict = judged[key] = _verdict(read, raw)
                except TypeError:  # unhashable: a list in a cell
                    verdict = _verdict(read, raw)
                if verdict.__class__ is Problem:
                    problems.setdefault(position, {})[name] = [cast(Problem, verdict)]
                    values.append(None)
                else:
                    values.append(cast(Value, verdict))
            return values

        identifiers = read_column(EMPLOYEE_ID, read_identifier)
        inputs = {name: read_column(name, read) for name, read in self._input_readers}
        audit = {name: read_column(name, read) for name, read in self._audit_readers}
        for position, values in enumerate(zip(*inputs.values(), strict=True)):
            if position not in problems and not known(values):
                problems[position] = {ROW: [Problem("nothing_known")]}
        positions = [position for position in range(count) if position not in problems]
        return CleanFrame(
            [str(identifiers[position] or "") for position in positions],
            _keep(inputs, positions, count),
            _keep(audit, positions, count),
            positions,
            dict(sorted(problems.items())),
        )

    @cached_property
    def _accepted(self) -> frozenset[str]:
        return frozenset({EMPLOYEE_ID, *self.by_name})

    def _unknown(self, raw: Mapping[str, object]) -> dict[str, list[Problem]]:
        unknown = [name for name in raw if name not in self._accepted]
        found: dict[str, list[Problem]] = {}
        for name in unknown[:_UNKNOWN_FIELDS_REPORTED]:
            # Likeness costs the square of the length: a monstrous name gets no suggestion.
            close = (
                difflib.get_close_matches(name, self._accepted, n=1)
                if isinstance(name, str) and len(name) <= 64
                else []
            )
            found[shown(name)] = [
                Problem("unknown_field_like", {"suggestion": close[0]})
                if close
                else Problem("unknown_field")
            ]
        return found

    # ---------------------------------------------------------------- JSON

    def to_json(self) -> dict[str, Any]:
        """The schema as JSON data; `from_json` gives it back."""
        return {
            "features": [_feature_to_json(feature) for feature in self.features],
            "audit": [_feature_to_json(feature) for feature in self.audit],
            "sections": [{"name": s.name, "label": dict(s.label)} for s in self.sections],
            "identifier_aliases": list(self.identifier_aliases),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FeatureSchema:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not a schema."""
        return cls(
            features=tuple(_feature_from_json(item) for item in stored["features"]),
            audit=tuple(_feature_from_json(item) for item in stored.get("audit", ())),
            sections=tuple(Section(**item) for item in stored.get("sections", ())),
            identifier_aliases=tuple(stored.get("identifier_aliases", ())),
        )

    @cached_property
    def sha256(self) -> str:
        """Hash of the canonical JSON: two schemas that ask the same have the same."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _verdict(read: Reader, raw: object) -> Value | Problem:
    try:
        return read(raw)
    except InvalidValueError as error:
        return error.problem


def _keep(
    columns: dict[str, list[Value]], positions: list[int], count: int
) -> dict[str, list[Value]]:
    if len(positions) == count:
        return columns
    return {name: [values[p] for p in positions] for name, values in columns.items()}


_WORDS = ("label", "help", "unit")
_DEFAULTS = {f.name: {} if f.name in _WORDS else f.default for f in fields(Feature)}


def _feature_to_json(feature: Feature) -> dict[str, Any]:
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


def _feature_from_json(stored: Mapping[str, Any]) -> Feature:
    given = dict(stored)
    given["choices"] = tuple(
        Choice(value=c["value"], label=c["label"], aliases=tuple(c.get("aliases", ())))
        for c in stored.get("choices", ())
    )
    given["aliases"] = tuple(stored.get("aliases", ()))
    if stored.get("seen") is not None:
        given["seen"] = (stored["seen"][0], stored["seen"][1])
    if stored["kind"] not in READERS:
        raise ValueError(f"unknown kind {stored['kind']!r}")
    return Feature(**given)
