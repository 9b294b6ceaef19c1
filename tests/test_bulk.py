"""A file's predictions are written in bulk, and are the records that `predict` writes."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlcore.engine.features import Choice, Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Curve, Table
from predictions.bulk import copy_text, time_ordered_ids
from predictions.models import Batch, Prediction, Source
from predictions.services import Request, predict, predict_frame, record_frame
from tests.engine.strategies import raw_values

# What a text format, JSON or a language may take for something else.
ODD = [
    'a "word"', "it's", "back\\slash", "\\N", "\\.", "\\t", "{}", "[1, 2]", "é", "日本", "🙂", "’",
    "a,b;c", "null", "NaN", "%s", "$1", "-0.0", "<b>", "x" * 64,
]  # fmt: skip
OWN = {"id", "created_at", "source", "batch_id", "row", "groups"}


@pytest.fixture
def odd(active_model):
    """A model of odd words and numbers; some contribute 0.0, and some -0.0."""
    said = {"en": "Label"}
    words = [word for word in ODD if word != "null"]
    schema = FeatureSchema(
        features=(
            Feature(
                name="word",
                column="word",
                kind="choice",
                label=said,
                choices=tuple(Choice(value=word, label={}) for word in words),
            ),
            Feature(
                name="step",
                column="step",
                kind="scale",
                label=said,
                choices=tuple(Choice(value=step, label={}) for step in (0, 1, 2)),
            ),
            Feature(name="whole", column="whole", kind="number", label=said, maximum=1000),
            Feature(
                name="decimal",
                column="decimal",
                kind="number",
                label=said,
                integer=False,
                minimum=-5,
                maximum=5,
            ),
        ),
        audit=(
            Feature(name="age", column="age", kind="number", label=said, maximum=99),
            Feature(
                name="motto",
                column="motto",
                kind="choice",
                label=said,
                choices=tuple(Choice(value=word, label={}) for word in words),
            ),
        ),
    )
    model = GlassBoxModel(
        -1.5,
        {
            "word": Table({word: 0.1 * place for place, word in enumerate(words)}, -0.0),
            "step": Table({0: 0.0, 1: -0.0, 2: 1e-17}, 0.0),
            "whole": Curve((0.0, 1000.0), (-1e-5, 2.0), 0.25),
            "decimal": Curve((-5.0, 0.0, 5.0), (-0.0, 0.0, 30.0), -0.0),
        },
        0.2,
        floor=0.01,
    )
    return replace(
        active_model,
        artifact=replace(active_model.artifact, schema=schema, model=model),
        operating_point=OperatingPoint((0.1, 0.25, 0.5)),
    )


@pytest.fixture
def batch(alice):
    return Batch.objects.create(name="staff.csv", sha256="0" * 64, size=1, uploaded_by=alice)


@pytest.fixture
def brought(odd, alice, batch):
    """Records raw employees as rows of a file; gives the accepted ones, and what was returned."""

    def record(rows, *, lines=None, groups=None, using=odd, request_id="from a file"):
        names = ["employee_id", *using.schema.by_name]
        columns = {name: [row.get(name) for row in rows] for name in names}
        frame = using.schema.clean_frame(columns)
        bands = record_frame(
            frame,
            using.model.score_frame(frame),
            using=using,
            request=Request(requested_by=alice, source=Source.FILE, request_id=request_id),
            batch=batch,
            rows=lines or [position + 2 for position in frame.positions],
            groups=groups or {},
        )
        return [frame.row(index) for index in range(len(frame))], bands

    return record


def stored(**which):
    """Rows as the database itself writes them, in the file's order, by column."""
    fields = [field.column for field in Prediction._meta.concrete_fields]
    ids = list(Prediction.objects.filter(**which).order_by("row", "id").values_list("id"))
    pk = Prediction._meta.pk
    records = []
    with connection.cursor() as cursor:
        for (number,) in ids:
            cursor.execute(
                f"SELECT {', '.join(fields)} FROM predictions_prediction WHERE id = %s",
                [pk.get_db_prep_value(number, connection)],
            )
            records.append(dict(zip(fields, cursor.fetchone(), strict=True)))
    return records


def exactly(record, *, but=OWN):
    """By column, type and text: 1 is not 1.0, and 0.0 not -0.0."""
    return {name: (type(v), repr(v)) for name, v in record.items() if name not in but}


def check_the_same(rows, bands, odd, alice, request_id):
    request = Request(requested_by=alice, source=Source.FORM, request_id=request_id)
    alone = [predict(row, using=odd, request=request) for row in rows]
    assert bands == [prediction.band for prediction in alone]
    in_bulk = stored(source=Source.FILE)
    assert len(in_bulk) == len(rows)
    for among, prediction in zip(in_bulk, alone, strict=True):
        [record] = stored(pk=prediction.pk)
        assert exactly(among) == exactly(record)


NUMBERS = [0.0, -0.0, 5e-324, -5.0, 5.0, "1,5", "", None, 0.1, 1 / 3]
EXTREMES = [
    {
        "employee_id": word,
        "word": word,
        "motto": word,
        "step": (0, 1, 2, None)[place % 4],
        "whole": place,
        "decimal": NUMBERS[place % len(NUMBERS)],
    }
    for place, word in enumerate(ODD)
]


def test_the_record_is_that_of_predict_to_the_last_bit(brought, odd, alice):
    request_id = 'request\\ with\t"everything"\r\n'
    rows, bands = brought(EXTREMES, request_id=request_id)
    assert len(rows) > 15
    check_the_same(rows, bands, odd, alice, request_id)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_the_rows_are(data, brought, odd, alice):
    names = ["employee_id", *odd.schema.by_name]
    value = st.sampled_from(ODD) | st.integers(0, 5) | st.floats(-5, 5) | st.none() | raw_values
    rows = data.draw(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(names, value))))
    with transaction.atomic():
        accepted, bands = brought(rows)
        check_the_same(accepted, bands, odd, alice, "from a file")
        transaction.set_rollback(True)


def test_many_without_a_file_are_recorded_as_each_alone(odd, alice):
    columns = {name: [row.get(name) for row in EXTREMES] for name in EXTREMES[0]}
    frame = odd.schema.clean_frame(columns)
    request = Request(requested_by=alice, source=Source.API, request_id="many")
    made = predict_frame(frame, using=odd, request=request).predictions()
    assert len(made) == len(frame) > 15
    for index, prediction in enumerate(made):
        alone = predict(frame.row(index), using=odd, request=request)
        [among], [record] = stored(pk=prediction.pk), stored(pk=alone.pk)
        assert exactly(among, but={"id", "created_at"}) == exactly(record, but={"id", "created_at"})
        # What was returned is what is stored.
        values = Prediction.objects.values().get(pk=prediction.pk)
        assert {name: getattr(prediction, name) for name in values} == values


def test_the_file_its_lines_and_its_groups_are_kept(brought, batch):
    words = [word for word in ODD if word != "x" * 64]
    lines = [7 + 3 * place for place in range(len(words))]
    groups = {'Site "A"\\B\t': words, "Département": list(reversed(words))}
    brought([{"whole": 1}] * len(words), lines=lines, groups=groups)
    made = list(Prediction.objects.filter(batch=batch).order_by("row"))
    assert [prediction.row for prediction in made] == lines
    assert [prediction.groups for prediction in made] == [
        {header: texts[place] for header, texts in groups.items()} for place in range(len(words))
    ]
    assert len({prediction.created_at for prediction in made}) == 1
    # A JSON of Django's own, to the letter.
    assert [json.loads(json.dumps(p.groups)) for p in made] == [p.groups for p in made]


def test_thousands_of_rows_keep_their_order(brought, batch):
    rows, bands = brought([{"whole": number % 1000, "step": number % 3} for number in range(2345)])
    made = list(Prediction.objects.filter(batch=batch).order_by("id"))
    assert [prediction.row for prediction in made] == [number + 2 for number in range(2345)]
    assert [prediction.inputs for prediction in made] == [row.inputs for row in rows]
    assert [prediction.band for prediction in made] == bands


def test_no_accepted_row_is_nothing_to_record(brought):
    assert brought([{"whole": "many"}]) == ([], [])
    assert brought([]) == ([], [])
    assert not Prediction.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_of_a_file_is_recorded_once_and_a_part_of_it_not_at_all(brought):
    brought([{"whole": 1}, {"whole": 2}], lines=[2, 3])
    with pytest.raises(IntegrityError):
        brought([{"whole": 5}, {"whole": 6}, {"whole": 7}], lines=[4, 3, 5])
    assert sorted(Prediction.objects.values_list("row", flat=True)) == [2, 3]
    brought([{"whole": 8}], lines=[4])
    assert Prediction.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_the_caller_takes_back_was_never_recorded(brought):
    with transaction.atomic():
        brought([{"whole": 1}])
        assert Prediction.objects.count() == 1
        transaction.set_rollback(True)
    assert not Prediction.objects.exists()


def test_numbers_made_in_bulk_rise_and_are_of_version_7():
    numbers = time_ordered_ids(5000)
    assert numbers == sorted(set(numbers))
    assert {(n.version, n.variant) for n in map(uuid.UUID, numbers)} == {(7, uuid.RFC_4122)}
    later = time_ordered_ids(1)[0]
    assert later[:12] >= numbers[-1][:12]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's own format")
@pytest.mark.django_db
@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_copy_takes_any_text_as_it_is(text):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE taken (before text, it text, after text)")
        with cursor.copy("COPY taken FROM STDIN") as copy:
            copy.write(f"{copy_text(text)}\t{copy_text(text)}\t{copy_text(None)}\n")
        cursor.execute("SELECT * FROM taken")
        assert cursor.fetchall() == [(text, text, None)]
        cursor.execute("DROP TABLE taken")
