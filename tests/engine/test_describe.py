from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mlcore.engine.describe import describe, example, json_schema
from mlcore.engine.schema import EMPLOYEE_ID, SchemaError


@pytest.fixture(scope="session", params=["en", "fr"])
def described(request, bundled):
    return json_schema(bundled.schema, request.param)


def test_the_description_is_valid_json_schema(described):
    Draft202012Validator.check_schema(described)
    json.dumps(described, allow_nan=False)


def test_every_field_is_described_in_the_order_of_the_schema_and_no_other_is_allowed(
    bundled, described
):
    assert list(described["properties"]) == [EMPLOYEE_ID, *bundled.schema.by_name]
    assert described["additionalProperties"] is False
    for name, field in described["properties"].items():
        assert field["description"], name


def test_audit_attributes_say_that_the_model_does_not_use_them(bundled, described):
    for feature in bundled.schema.audit:
        assert "never used by the model" in described["properties"][feature.name]["description"]


def test_labels_units_and_steps_are_in_the_readers_language(schema):
    assert describe(schema.by_name["monthly_income"], "fr") == {
        "title": "Rémunération mensuelle",
        "description": "Rémunération mensuelle (dollars). Brute.",
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 1_000_000,
    }
    assert describe(schema.by_name["satisfaction"], "en")["x-scale"] == (
        "0 = None, 3 = High, 4 = Very high"
    )


def test_the_example_is_complete_and_accepted_by_both(bundled, described):
    employee = example(bundled.schema)
    Draft202012Validator(described).validate(employee)
    row = bundled.schema.clean(employee)
    assert None not in row.inputs.values()
    assert described["example"] == employee


def values_of(field):
    """Values that a field's JSON Schema allows, by its own words alone."""
    if "enum" in field:
        return st.sampled_from(field["enum"])
    kinds = {
        "null": st.none(),
        "string": st.from_regex(field.get("pattern", ""), fullmatch=True).filter(
            lambda text: len(text) <= field.get("maxLength", 10**9)
        ),
        "integer": st.integers(field.get("minimum"), field.get("maximum")).flatmap(
            lambda n: st.sampled_from([n, float(n)])
        ),
        "number": st.floats(field.get("minimum"), field.get("maximum")),
    }
    return st.one_of(*(kinds[kind] for kind in field["type"]))


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_the_description_allows_is_accepted(bundled, described, data):
    """But for the one rule that stands in words: an input of the model must be known."""
    employee = data.draw(
        st.fixed_dictionaries(
            {}, optional={name: values_of(f) for name, f in described["properties"].items()}
        )
    )
    if employee:
        Draft202012Validator(described).validate(employee)
    inputs = [employee.get(feature.name) for feature in bundled.schema.features]
    if any(value is not None for value in inputs):
        bundled.schema.clean(employee)
    else:
        with pytest.raises(SchemaError) as refused:
            bundled.schema.clean(employee)
        assert list(refused.value.problems) == [""]


@settings(max_examples=100)
@given(data=st.data())
def test_whatever_the_description_allows_in_a_small_schema_is_accepted(schema, data):
    fields = json_schema(schema)["properties"]
    employee = data.draw(st.fixed_dictionaries({n: values_of(f) for n, f in fields.items()}))
    schema.clean(employee | {"commute": 1})


@pytest.mark.parametrize(
    "employee",
    [
        {},
        {"over_time": "Perhaps"},
        {"monthly_income": -1},
        {"years_at_company": 3.5},
        {"monthly_income": True},
        {"job_level": 9},
        {"zodiac": "Leo"},
        {"employee_id": "x" * 65},
        {"employee_id": "a\x00b"},
    ],
)
def test_what_the_description_forbids_is_refused(bundled, described, employee):
    assert not Draft202012Validator(described).is_valid(employee)
    with pytest.raises(SchemaError):
        bundled.schema.clean(employee)
