"""What a model asks about an employee: its features, and the one validation of their values.

The schema draws the form, the API's description, the file reader and the admin. A raw row from any
door becomes a `CleanRow` here or nowhere; the type checker refuses a row that did not.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NewType, cast

from mlcore.engine.features import Feature, Section
from mlcore.engine.schema_json import feature_from_json, feature_to_json
from mlcore.engine.values import (
    InvalidValueError,
    Reader,
    Value,
    fold,
    known,
    read_identifier,
    shown,
)
from mlcore.engine.words import Problem

EMPLOYEE_ID = "employee_id"
ROW = ""
"""The field under which a problem of the row as a whole is reported."""

_UNKNOWN_FIELDS_REPORTED = 20
_LONGEST_MISSPELLING = 64  # characters


class SchemaError(ValueError):
    """A row that cannot be accepted: every problem, by field."""

    def __init__(self, problems: Mapping[str, Sequence[Problem]]) -> None:
        super().__init__(", ".join(f"{name}: {p[0].code}" for name, p in problems.items()))
        self.problems = problems


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
        if not raw.keys() <= self._accepted.keys():
            problems.update(self._unknown(raw))
        if not problems and not known(inputs.values()):
            problems[ROW] = [Problem("nothing_known")]
        if problems:
            raise SchemaError(problems)
        return CleanRow(Row(employee_id, inputs, audit))

    def clean_frame(
        self, columns: Mapping[str, Sequence[object]], *, blank_rows: bool = False
    ) -> CleanFrame:
        """Judge many rows given by column, with `clean`'s verdict and words for each.

        `columns` maps names as `clean` knows them to sequences of equal length. With `blank_rows`,
        a row of which nothing is known is accepted: nobody can be assessed by it, but a training
        learns what a blank says. Raises `SchemaError` when a column is unknown.
        """
        if unknown := self._unknown(columns):
            raise SchemaError(unknown)
        count = len(next(iter(columns.values()))) if columns else 0
        if any(len(column) != count for column in columns.values()):
            raise ValueError("columns must be of equal length")
        problems: dict[int, dict[str, list[Problem]]] = {}

        def read_column(name: str, read: Reader) -> list[Value]:
            if name not in columns:
                return [None] * count
            verdicts = _verdicts(read, columns[name])
            if Problem in map(type, verdicts):
                for position, verdict in enumerate(verdicts):
                    if isinstance(verdict, Problem):
                        problems.setdefault(position, {})[name] = [verdict]
                        verdicts[position] = None
            return cast("list[Value]", verdicts)

        identifiers = read_column(EMPLOYEE_ID, read_identifier)
        inputs = {name: read_column(name, read) for name, read in self._input_readers}
        audit = {name: read_column(name, read) for name, read in self._audit_readers}
        if not blank_rows:
            for position in _without_values(inputs.values(), count):
                problems.setdefault(position, {ROW: [Problem("nothing_known")]})
        positions = [position for position in range(count) if position not in problems]
        return CleanFrame(
            [str(identifiers[position] or "") for position in positions],
            _keep(inputs, positions, count),
            _keep(audit, positions, count),
            positions,
            dict(sorted(problems.items())),
        )

    def clean_many(self, raws: Sequence[object]) -> CleanFrame:
        """Judge many raw rows, each with `clean`'s verdict and words, at the speed of a frame."""
        places = [
            place
            for place, raw in enumerate(raws)
            if isinstance(raw, Mapping) and raw.keys() <= self._accepted.keys()
        ]
        rows = [cast("Mapping[str, object]", raws[place]) for place in places]
        frame = self.clean_frame({name: [row.get(name) for row in rows] for name in self._accepted})
        problems = {places[row]: found for row, found in frame.problems.items()}
        for place in sorted({*range(len(raws))}.difference(places)):
            try:
                self.clean(raws[place])
            except SchemaError as error:
                problems[place] = {name: [*found] for name, found in error.problems.items()}
        return CleanFrame(
            frame.employee_ids,
            frame.inputs,
            frame.audit,
            [places[row] for row in frame.positions],
            dict(sorted(problems.items())),
        )

    @cached_property
    def by_word(self) -> dict[str, str]:
        """Field names by what people call them, folded: name, training header, label, alias.

        Where two fields claim a word, a name goes before a header, and a header before the rest.
        """
        words = {fold(name): name for name in (EMPLOYEE_ID, *self.by_name)}
        for feature in self.everything:
            words.setdefault(fold(feature.column), feature.name)
        for alias in self.identifier_aliases:
            words.setdefault(fold(alias), EMPLOYEE_ID)
        for feature in self.everything:
            for word in (*feature.label.values(), *feature.aliases):
                words.setdefault(fold(word), feature.name)
        words.pop("", None)
        return words

    @cached_property
    def _accepted(self) -> dict[str, None]:
        # A dictionary and not a set, for its order is the same in every process.
        return dict.fromkeys((EMPLOYEE_ID, *self.by_name))

    def _unknown(self, raw: Mapping[Any, object]) -> dict[str, list[Problem]]:
        """A problem for each unknown field, and for the first twenty when there are more."""
        unknown = (name for name in raw if name not in self._accepted)
        found: dict[str, list[Problem]] = {}
        for name in islice(unknown, _UNKNOWN_FIELDS_REPORTED):
            meant = self._likely(name)
            problem = (
                Problem("unknown_field_like", {"suggestion": meant})
                if meant
                else Problem("unknown_field")
            )
            found[shown(name) or "“”"] = [problem]
        return found

    def _likely(self, name: object) -> str | None:
        """The field that was probably meant by `name`."""
        # Likeness costs the square of the length: a monstrous name gets no suggestion.
        if not isinstance(name, str) or len(name) > _LONGEST_MISSPELLING:
            return None
        if meant := self.by_word.get(fold(name)):
            return meant
        close = difflib.get_close_matches(name.lower(), self._accepted, n=1)
        return close[0] if close else None

    # ---------------------------------------------------------------- JSON

    def to_json(self) -> dict[str, Any]:
        """The schema as JSON data; `from_json` gives it back."""
        return {
            "features": [feature_to_json(feature) for feature in self.features],
            "audit": [feature_to_json(feature) for feature in self.audit],
            "sections": [{"name": s.name, "label": dict(s.label)} for s in self.sections],
            "identifier_aliases": list(self.identifier_aliases),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FeatureSchema:
        """Raises `ValueError`, `KeyError` or `TypeError` when `stored` is not a schema."""
        return cls(
            features=tuple(feature_from_json(item) for item in stored["features"]),
            audit=tuple(feature_from_json(item) for item in stored.get("audit", ())),
            sections=tuple(Section(**item) for item in stored.get("sections", ())),
            identifier_aliases=tuple(stored.get("identifier_aliases", ())),
        )


def _verdict(read: Reader, raw: object) -> Value | Problem:
    try:
        return read(raw)
    except InvalidValueError as error:
        return error.problem


# Values of these types are equal only when they are the same; 1, 1.0 and True are, as are 0.0 and
# -0.0.
_SAME_WHEN_EQUAL = {str, int, type(None)}


class _ReadBefore(dict[object, Value | Problem]):
    """Verdicts by value, so that one which occurs again is not read again."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    def __missing__(self, raw: object) -> Value | Problem:
        verdict = self[raw] = _verdict(self._read, raw)
        return verdict


def _verdicts(read: Reader, column: Sequence[object]) -> list[Value | Problem]:
    before = _ReadBefore(read)
    if set(map(type, column)) <= _SAME_WHEN_EQUAL:
        return list(map(before.__getitem__, column))
    return [before[raw] if type(raw) is str else _verdict(read, raw) for raw in column]


def _without_values(columns: Iterable[Sequence[Value]], count: int) -> Iterable[int]:
    """The rows, of so many, in which every column is blank."""
    blank: Iterable[int] = range(count)
    for values in columns:
        if None not in values:
            return ()
        blank = [position for position in blank if values[position] is None]
    return blank


def _keep(
    columns: dict[str, list[Value]], positions: list[int], count: int
) -> dict[str, list[Value]]:
    if len(positions) == count:
        return columns
    return {name: [values[p] for p in positions] for name, values in columns.items()}
