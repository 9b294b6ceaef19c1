"""The model as one SQL expression: a warehouse scores its rows where they lie.

    p = floor + (1 - floor) / (1 + exp(-(intercept + Σ f_j(x_j) + Σ f_jk(x_j, x_k))))

A shape is a search among its knots, written as nested `CASE`; the arithmetic is that of `shapes`,
in the same order. A row that `FeatureSchema.clean` would refuse has no probability: it is NULL.

The columns hold clean values: numbers as numbers, a choice by the schema's own word, a step of a
scale by its number, NULL for a blank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlcore.engine.features import Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Axis, Curve, Pair, Shape, Table

Name = Literal["postgresql", "sqlite", "duckdb", "spark"]

_MOST_LOG_ODDS = 700.0
"""Beyond it `exp` overflows, which some databases answer with an error."""


class NoFormulaError(ValueError):
    """The model cannot be written as SQL; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a database writes names and values."""

    name: Name
    column: Callable[[str], str]
    number: Callable[[float], str]
    """A literal of 64-bit floating point, and not of decimals, in which sums are another's."""
    text: Callable[[str], str]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _double_quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="postgresql",
            column=_double_quoted,
            number=lambda x: f"({x!r}::float8)" if x < 0 else f"{x!r}::float8",
            text=_quoted,
        ),
        Dialect(
            name="sqlite",
            # Between double quotes SQLite takes a column that is not there for a text.
            column=lambda name: f"[{name}]",
            number=lambda x: f"({x!r})" if x < 0 else repr(x),
            text=_quoted,
        ),
        Dialect(
            name="duckdb",
            column=_double_quoted,
            number=lambda x: f"({_with_exponent(x)})" if x < 0 else _with_exponent(x),
            text=_quoted,
        ),
        Dialect(
            name="spark",
            column=lambda name: "`" + name.replace("`", "``") + "`",
            number=lambda x: f"({x!r}D)" if x < 0 else f"{x!r}D",
            text=_escaped,
        ),
    )
}


def _with_exponent(x: float) -> str:
    return repr(x) if "e" in repr(x) else f"{x!r}e0"


def probability(model: GlassBoxModel, schema: FeatureSchema, dialect: Dialect) -> str:
    """The probability of leaving as one expression over columns named as the schema's features.

    Raises `NoFormulaError` when a sum of the model's contributions may overflow.
    """
    if _most(model) > _MOST_LOG_ODDS:
        raise NoFormulaError(
            f"The log-odds of this model may lie beyond {_MOST_LOG_ODDS:g}, where databases"
            " overflow."
        )
    number = dialect.number
    terms = contributions(model, schema, dialect).values()
    log_odds = "\n  + ".join([number(model.intercept), *terms])
    share = f"{number(1.0)} / ({number(1.0)} + EXP(-(\n  {log_odds}\n)))"
    floored = f"{number(model.floor)} + {number(1.0 - model.floor)} * ({share})"
    return f"CASE WHEN {_accepted(schema, dialect)}\nTHEN {floored}\nEND"


def contributions(model: GlassBoxModel, schema: FeatureSchema, dialect: Dialect) -> dict[str, str]:
    """By feature, then by pair, the log-odds that it contributes, each as one expression."""
    texts = {
        name: _shape(shape, schema.by_name[name], dialect) for name, shape in model.shapes.items()
    }
    return texts | {pair.name: _pair(pair, schema, dialect) for pair in model.pairs}


def query(
    model: GlassBoxModel, schema: FeatureSchema, dialect: Dialect, table: str, *, explained: bool
) -> str:
    """A query of every row of `table`: its columns, the probability, and what contributed to it.

    `table` stands in the query as it is given. Raises `NoFormulaError`.
    """
    texts = {"probability": probability(model, schema, dialect)}
    if explained:
        for name, text in contributions(model, schema, dialect).items():
            texts[f"{name.replace(':', '_and_')}_contribution"] = text
    columns = ",\n".join(f"{text} AS {dialect.column(name)}" for name, text in texts.items())
    return f"SELECT employees.*,\n{columns}\nFROM {table} AS employees"


def _most(model: GlassBoxModel) -> float:
    """The largest size that the log-odds may have."""
    sizes = [abs(model.intercept)]
    for shape in model.shapes.values():
        values = shape.values if isinstance(shape, Curve) else shape.values.values()
        sizes.append(max(map(abs, (*values, shape.missing))))
    sizes += [max(abs(value) for row in pair.values for value in row) for pair in model.pairs]
    return sum(sizes)


# ------------------------------------------------------------------ which rows


def _accepted(schema: FeatureSchema, dialect: Dialect) -> str:
    """Whether a row is one that `clean` accepts: every value is possible, and one is known."""
    rules = [_possible(feature, dialect) for feature in schema.features]
    known = " OR ".join(f"{dialect.column(f.name)} IS NOT NULL" for f in schema.features)
    return "\n AND ".join([f"({known})", *rules])


def _possible(feature: Feature, dialect: Dialect) -> str:
    column = dialect.column(feature.name)
    if feature.kind == "number":
        least, most = dialect.number(float(feature.minimum)), dialect.number(float(feature.maximum))
        rule = f"{column} BETWEEN {least} AND {most}"
        if feature.integer:
            rule += f" AND {column} = FLOOR({column})"
    else:
        answers = ", ".join(_answer(choice.value, dialect) for choice in feature.choices)
        rule = f"{column} IN ({answers})"
    return f"({column} IS NULL OR ({rule}))"


def _answer(value: str | int, dialect: Dialect) -> str:
    return dialect.text(value) if isinstance(value, str) else str(value)


# ------------------------------------------------------------------ what it adds


def _shape(shape: Shape, feature: Feature, dialect: Dialect) -> str:
    column = dialect.column(feature.name)
    if isinstance(shape, Table):
        answers = {value: dialect.number(found) for value, found in shape.values.items()}
        return _by_answer(column, answers, dialect.number(shape.missing), dialect)
    return _by_number(
        column, shape.knots, _lines(column, shape, dialect), dialect.number(shape.missing), dialect
    )


def _lines(column: str, curve: Curve, dialect: Dialect) -> list[str]:
    """The straight lines of a curve, the two flat ones at its ends included."""
    number = dialect.number
    knots, values = curve.knots, curve.values
    lines = [number(values[0])]
    for left in range(len(knots) - 1):
        rise = values[left + 1] - values[left]
        if rise == 0:
            lines.append(number(values[left]))
            continue
        way = f"({column} - {number(knots[left])}) / {number(knots[left + 1] - knots[left])}"
        lines.append(f"{number(values[left])} + {number(rise)} * ({way})")
    return [*lines, number(values[-1])]


def _pair(pair: Pair, schema: FeatureSchema, dialect: Dialect) -> str:
    first, second = (dialect.column(name) for name in pair.features)
    rows, columns = pair.axes
    inner = [_along(second, columns, [*map(dialect.number, row)], dialect) for row in pair.values]
    return _along(first, rows, inner, dialect)


def _along(column: str, axis: Axis, texts: Sequence[str], dialect: Dialect) -> str:
    """The text of a value's place on an axis, of which the last is a blank's."""
    *places, blank = texts
    if axis.answers:
        answers = dict(zip(axis.answers, places, strict=True))
        return _by_answer(column, answers, blank, dialect)
    return _by_number(column, axis.cuts, places, blank, dialect)


def _by_answer(column: str, answers: Mapping[str | int, str], blank: str, dialect: Dialect) -> str:
    cases = " ".join(
        f"WHEN {column} = {_answer(value, dialect)} THEN {text}" for value, text in answers.items()
    )
    return f"CASE WHEN {column} IS NULL THEN {blank} {cases} END"


def _by_number(
    column: str, bounds: Sequence[float], texts: Sequence[str], blank: str, dialect: Dialect
) -> str:
    """The text between two bounds, of which there is one more: a number equal to a bound lies above
    it. Found by halves."""

    def among(begin: int, end: int) -> str:
        if begin == end or all(text == texts[begin] for text in texts[begin : end + 1]):
            return texts[begin]
        middle = (begin + end) // 2
        below, above = among(begin, middle), among(middle + 1, end)
        bound = dialect.number(bounds[middle])
        return f"CASE WHEN {column} < {bound} THEN {below} ELSE {above} END"

    return f"CASE WHEN {column} IS NULL THEN {blank} ELSE {among(0, len(bounds))} END"
