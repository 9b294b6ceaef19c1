"""Many rows are judged exactly as one row is judged, with the same words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcore.engine.schema import EMPLOYEE_ID, SchemaError
from tests.engine.strategies import raw_values

WORDS = ["Yes", "no", "R&D", "Sales", "Très élevée", "High", "4", "0", "5 993", "7,5"]


@st.composite
def raw_rows(draw):
    """Rows of the small schema, in which values recur, mixed with junk."""
    names = [EMPLOYEE_ID, "monthly_income", "commute", "satisfaction", "department", "over_time"]
    names = draw(st.lists(st.sampled_from([*names, "age"]), unique=True))
    pool = draw(st.lists(st.sampled_from(WORDS) | raw_values, min_size=1, max_size=8))
    value = st.sampled_from(pool)
    return draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, value)), max_size=8)), names


def exactly(values):
    """Values with their types and, for floats, their bits: 1 is not 1.0, and 0.0 not -0.0."""
    return [(type(value), repr(value)) for value in values]


@settings(max_examples=400)
@given(raw=raw_rows())
def test_a_frame_judges_each_row_exactly_as_the_row_alone_is_judged(schema, raw):
    rows, names = raw
    frame = schema.clean_frame({name: [row[name] for row in rows] for name in names})
    # Without a column there is no row.
    assert_each_is_judged_as_alone(schema, frame, rows if names else [])


@st.composite
def objects(draw):
    """What a program may send as one employee."""
    [row] = draw(raw_rows().map(lambda raw: raw[0][:1]).filter(bool))
    kept = draw(st.sets(st.sampled_from([*row]))) if row else ()
    return {name: row[name] for name in row if name in kept} | draw(
        st.just({}) | st.dictionaries(st.text(max_size=5), raw_values, max_size=2)
    )


@settings(max_examples=200)
@given(rows=st.lists(objects() | raw_values, max_size=6))
def test_objects_are_judged_together_exactly_as_each_of_them_alone(schema, rows):
    assert_each_is_judged_as_alone(schema, schema.clean_many(rows), rows)


def assert_each_is_judged_as_alone(schema, frame, rows):
    assert sorted([*frame.positions, *frame.problems]) == [*range(len(rows))]
    accepted = {position: index for index, position in enumerate(frame.positions)}
    for position, row in enumerate(rows):
        try:
            alone = schema.clean(row)
        except SchemaError as refused:
            told = {
                name: [problem.text("fr") for problem in problems]
                for name, problems in frame.problems[position].items()
            }
            assert position not in accepted
            assert list(told.items()) == [  # noqa: PT017
                (name, [problem.text("fr") for problem in problems])
                for name, problems in refused.problems.items()
            ]
        else:
            among = frame.row(accepted[position])
            assert position not in frame.problems
            assert among == alone
            assert exactly(among.inputs.values()) == exactly(alone.inputs.values())
            assert exactly(among.audit.values()) == exactly(alone.audit.values())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("satisfaction", [1, True, 1.0, "1"]),
        ("satisfaction", [True, 3, 3.0, "3"]),
        ("monthly_income", [1, True, 1.0]),
        ("monthly_income", [0.0, -0.0, 0, False]),
        ("over_time", [True, 1, "true", 1.0]),
        ("commute", [float("nan"), float("nan"), 1]),
        ("department", [[], {}, [1], "Sales"]),
    ],
)
def test_equal_values_of_different_kinds_are_not_mixed_up(schema, column, values):
    frame = schema.clean_frame({column: values})
    for position, value in enumerate(values):
        try:
            alone = schema.clean({column: value}).inputs[column]
        except SchemaError as refused:
            mine, theirs = refused.problems[column], frame.problems[position][column]
            assert [p.text("en") for p in mine] == [p.text("en") for p in theirs]
        else:
            among = frame.inputs[column][frame.positions.index(position)]
            assert exactly([among]) == exactly([alone])


def test_refused_rows_keep_their_place_and_cost_no_other_row(schema):
    frame = schema.clean_frame(
        {"employee_id": ["a", "b", "c", "d"], "commute": [1, "far", "", 4], "age": [1, 2, 30, 40]}
    )
    assert frame.positions == [3]
    assert frame.employee_ids == ["d"]
    assert frame.inputs["commute"] == [4.0]
    assert frame.inputs["department"] == [None]
    assert frame.audit["age"] == [40]
    assert {place: list(found) for place, found in frame.problems.items()} == {
        0: ["age"],
        1: ["commute", "age"],
        2: [""],
    }


def test_an_unknown_column_is_refused_once_for_all_rows(schema):
    with pytest.raises(SchemaError) as refused:
        schema.clean_frame({"commute": [1, 2], "overtime": ["Yes", "No"]})
    assert [p.text("en") for p in refused.value.problems["overtime"]] == [
        "The model has no such field. Did you mean “over_time”?"
    ]


@pytest.mark.parametrize(
    "columns",
    [
        {"commute": [1], "age": [20, 30]},
        {"commute": [1, 2], "employee_id": ["a"]},
        {"age": [30], "commute": []},
    ],
)
def test_columns_have_one_length(schema, columns):
    with pytest.raises(ValueError, match="equal length"):
        schema.clean_frame(columns)


@pytest.mark.parametrize("columns", [{}, {"commute": []}])
def test_a_frame_may_be_empty(schema, columns):
    frame = schema.clean_frame(columns)
    assert len(frame) == 0
    assert frame.problems == {}
