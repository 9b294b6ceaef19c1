"""Any schema builds its form, its API description and its file reader; any model of it adds up."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mlcore.engine.describe import json_schema
from mlcore.engine.features import Choice, Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.schema import CleanFrame, FeatureSchema
from mlcore.engine.shapes import Axis, Curve, Pair, Table
from mlcore.engine.tabular import match_columns, read_table
from mlcore.engine.values import fold
from predictions.explanation import explain
from predictions.forms import EmployeeForm, initial_values
from predictions.models import Prediction
from predictions.serializers import result

# Not shrunk: to make a schema that fails small can take minutes.
patient = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

log_odds = st.floats(-20, 20)
# Decimals as people and their systems write them.
decimal = st.decimals(-1_000_000, 1_000_000, places=4).map(float)
limits = st.tuples(decimal, st.decimals(1, 1_000_000, places=4).map(float))
answers = (
    st.text(st.sampled_from("abzÉœ7 &'-/.,;()«»×<>\"%"), min_size=1, max_size=8)
    .map(str.strip)
    .filter(fold)
)
labels = st.fixed_dictionaries(
    {"en": answers.map("Label {}".format), "fr": answers.map("Libellé {}".format)}
)


def choice_features(name, kind, values):
    choices = tuple(
        Choice(value=value, label={"en": f"{value}!", "fr": f"«{value}»"}) for value in values
    )
    return labels.map(
        lambda label: Feature(
            name=name, column=name.upper(), kind=kind, label=label, choices=choices
        )
    )


@st.composite
def features(draw, name):
    kind = draw(st.sampled_from(["number", "whole", "choice", "scale"]))
    if kind == "choice":
        values = draw(st.lists(answers, min_size=1, max_size=8, unique_by=fold))
        return draw(choice_features(name, kind, values))
    if kind == "scale":
        values = sorted(draw(st.sets(st.integers(-5, 20), min_size=2, max_size=8)))
        return draw(choice_features(name, kind, values))
    low, width = draw(limits)
    high = low + width
    if kind == "whole":
        low, high = int(low), int(high) + 1
    return Feature(
        name=name,
        column=name.upper(),
        kind="number",
        label=draw(labels),
        integer=kind == "whole",
        minimum=low,
        maximum=high,
        seen=(low, high),
        typical=low,
        actionable=draw(st.booleans()),
    )


names = st.from_regex(r"[a-km-z][a-z0-9]{0,6}(_[a-z0-9]{1,4})?", fullmatch=True)


@st.composite
def schemas(draw):
    found = draw(st.lists(names, min_size=2, max_size=7, unique_by=fold))
    everything = tuple(draw(features(name)) for name in found)
    audit = draw(st.integers(0, len(everything) - 2))
    kept = len(everything) - audit
    return FeatureSchema(features=everything[:kept], audit=everything[kept:])


def values_of(feature):
    if feature.choices:
        return st.sampled_from([choice.value for choice in feature.choices])
    if feature.integer:
        return st.integers(int(feature.minimum), int(feature.maximum))
    low, high = feature.minimum, feature.maximum
    return st.sampled_from([low, high]) | decimal.map(lambda x: min(max(x, low), high))


def employees(schema):
    known = {feature.name: st.none() | values_of(feature) for feature in schema.everything}
    first = schema.features[0]
    return st.fixed_dictionaries(known | {first.name: values_of(first)})


def axes(feature):
    if feature.choices:
        return st.just(Axis(answers=tuple(choice.value for choice in feature.choices)))
    cut = st.floats(feature.minimum, feature.maximum)
    return st.sets(cut, min_size=1, max_size=3).map(lambda cuts: Axis(cuts=tuple(sorted(cuts))))


@st.composite
def models(draw, schema):
    shapes = {}
    for feature in schema.features:
        if feature.choices:
            values = {choice.value: draw(log_odds) for choice in feature.choices}
            shapes[feature.name] = Table(values, draw(log_odds))
        else:
            knots = (float(feature.minimum), float(feature.maximum))
            shapes[feature.name] = Curve(knots, (draw(log_odds), draw(log_odds)), draw(log_odds))
    both = schema.features[:2]
    rows, columns = (draw(axes(feature)) for feature in both)
    row = st.lists(log_odds, min_size=columns.places, max_size=columns.places).map(tuple)
    values = draw(st.lists(row, min_size=rows.places, max_size=rows.places))
    pair = Pair(tuple(feature.name for feature in both), (rows, columns), tuple(values))
    return GlassBoxModel(draw(log_odds), shapes, 0.2, (pair,), draw(st.floats(0, 0.2)))


@st.composite
def assessed(draw):
    schema = draw(schemas())
    return schema, draw(models(schema)), draw(st.lists(employees(schema), min_size=1, max_size=4))


@st.composite
def filled(draw):
    schema = draw(schemas())
    return schema, draw(employees(schema)), draw(st.sampled_from(["en", "fr"]))


@patient
@given(filled())
def test_its_form_takes_back_what_it_shows(drawn):
    schema, employee, language = drawn
    row = schema.clean(employee)
    shown = EmployeeForm(schema, language, initial=initial_values(schema, row.inputs | row.audit))
    for field in shown:
        assert str(field)  # it can be drawn
    asked = {field.name for section in shown.sections() for field in section.fields}
    assert asked == {feature.name for feature in schema.features}
    typed = {name: shown[name].value() or "" for name in shown.fields if name != "employee_id"}
    typed |= {n: str(v) for n, v in initial_values(schema, employee).items() if v == 0}
    form = EmployeeForm(schema, language, data={name: str(value) for name, value in typed.items()})
    assert form.is_valid(), form.errors
    assert form.row == row


@patient
@given(filled())
def test_its_description_accepts_what_it_accepts(drawn):
    schema, employee, language = drawn
    described = json_schema(schema, language)
    Draft202012Validator.check_schema(described)
    Draft202012Validator(described).validate(employee)
    json.dumps(described, allow_nan=False)


@patient
@given(filled())
def test_its_file_is_read_back(drawn):
    schema, employee, _language = drawn
    first = schema.features[0].name
    rows = [employee, dict.fromkeys(schema.by_name) | {first: employee[first]}]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([feature.column for feature in schema.everything])
    for row in rows:
        writer.writerow([row[feature.name] for feature in schema.everything])
    table = read_table(text.getvalue().encode())
    matched = match_columns(table.headers, schema)
    assert (matched.missing, matched.unused) == ([], [])
    columns = table.columns()
    frame = schema.clean_frame({name: columns[h] for name, h in matched.headers.items()})
    assert frame.problems == {}
    assert [frame.row(index) for index in range(len(frame))] == [schema.clean(r) for r in rows]


@patient
@given(assessed())
def test_its_model_adds_up_alone_and_among_others(drawn):
    schema, model, rows = drawn
    assert GlassBoxModel.from_json(json.loads(json.dumps(model.to_json()))) == model
    cleaned = [schema.clean(row) for row in rows]
    scores = model.score_frame(CleanFrame.from_rows(schema, cleaned))
    for index, row in enumerate(cleaned):
        alone = model.score(row)
        assert scores.row(index) == alone
        total = model.intercept
        for name in model.terms:
            total += alone.contributions[name]
        assert total == alone.log_odds
        assert model.floor <= alone.probability <= 1


@patient
@given(assessed(), st.sampled_from(["en", "fr"]))
def test_its_predictions_are_read_whole_and_in_any_order_of_names(drawn, language):
    schema, model, rows = drawn
    row = schema.clean(rows[0])
    score = model.score(row)
    record = Prediction(
        inputs=dict(reversed(row.inputs.items())),
        audit_attributes=row.audit,
        contributions=dict(sorted(score.contributions.items())),
        probability=score.probability,
        log_odds=score.log_odds,
        intercept=model.intercept,
        floor=model.floor,
        base_rate=model.base_rate,
        threshold=0.25,
        band="low",
    )
    read = explain(record, language, schema=schema)
    assert sorted(":".join(r.features) for r in read.everything) == sorted(model.terms)
    sizes = [abs(reason.contribution) for reason in read.everything]
    assert sizes == sorted(sizes, reverse=True)
    assert all(reason.label and reason.value_text for reason in read.everything)
    assert {r.features[0] for r in read.missing} == {n for n, v in row.inputs.items() if v is None}
    answer = result(record, schema=schema, version="v", language=language)
    listed = model.intercept + sum(entry["contribution"] for entry in answer["explanation"])
    assert listed == pytest.approx(score.log_odds, abs=1e-9)
