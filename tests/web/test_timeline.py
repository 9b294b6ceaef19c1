"""One employee over time: a line, a list, and what changed between the last two assessments."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine

from mlcore import operating_decisions, registry, services
from mlcore.engine import artifact
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Basis, ModelVersion, Origin
from predictions import judged_by, timeline_chart
from predictions.judged_by import points_of
from predictions.models import Batch, BatchState, Prediction, Source
from predictions.services import Request, predict, predict_frame
from predictions.timeline import difference_of, timeline_of
from tests import other_model
from tests.conftest import EMPLOYEE

ADDRESS = "/predictions/employee/"
JANUARY = datetime(2026, 1, 12, 10, tzinfo=UTC)


def text_of(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def on(month, day=1):
    return time_machine.travel(datetime(2027, month, day, 10, tzinfo=UTC), tick=False)


@pytest.fixture
def over_time(alice, record):
    """Three assessments of E-1024: overtime begins in June."""
    made = []
    for month, values in ((1, {"over_time": "No"}), (3, {"over_time": "No"}), (6, {})):
        with on(month):
            made.append(record(alice, **values))
    return made


def listed(page):
    return [entry.prediction.pk for entry in page.context["timeline"].entries]


# ------------------------------------------------------------------ which assessments


def test_all_of_an_employee_s_assessments_are_listed_newest_first(as_alice, over_time):
    page = as_alice.get(ADDRESS, {"reference": " E-1024 "})
    assert listed(page) == [made.pk for made in reversed(over_time)]
    text = text_of(page)
    assert "3 assessments" in text
    assert "1 Jun 2027" in text
    source = page.content.decode()
    for made in over_time:
        assert f'href="{made.get_absolute_url()}"' in source


@pytest.mark.parametrize("reference", ["E-102", "e-1024", "E-10245", "%", "E_1024"])
def test_a_reference_counts_to_the_letter(as_alice, over_time, reference):
    page = as_alice.get(ADDRESS, {"reference": reference})
    assert page.status_code == 200
    text = text_of(page)
    assert f"Nobody has been assessed under the reference “{reference}”" in text
    assert "Search the history by its beginning" in text


def test_without_a_reference_nobody_is_shown(as_alice, alice, record):
    record(alice, employee_id="")
    page = text_of(as_alice.get(ADDRESS))
    assert "Enter an employee’s reference" in page
    assert "assessments of" not in page


@pytest.mark.parametrize("reference", ["\x00", "E\u200b1", "E" * 65])
def test_what_is_no_reference_is_an_error_at_the_field(as_alice, active_model, reference):
    page = as_alice.get(ADDRESS, {"reference": reference})
    assert page.status_code == 200
    assert 'id="id_reference_error"' in page.content.decode()


def test_one_assessment_is_no_line_yet(as_alice, alice, record):
    record(alice)
    page = as_alice.get(ADDRESS, {"reference": "E-1024"})
    assert "Assessed once so far." in text_of(page)
    assert "<path" not in page.content.decode().partition("<main")[2]


@pytest.mark.parametrize(
    ("person", "expected"),
    [("alice", 200), ("bob", 200), ("carol", 200), ("dave", 403), ("erin", 403)],
)
def test_who_may_follow_an_employee(client, request, over_time, person, expected):
    client.force_login(request.getfixturevalue(person))
    page = client.get(ADDRESS, {"reference": "E-1024"})
    assert page.status_code == expected
    if expected == 200:
        assert "no-store" in page["Cache-Control"]


# ------------------------------------------------------------------ what changed


def test_what_changed_between_the_last_two_is_said(as_alice, over_time):
    text = text_of(as_alice.get(ADDRESS, {"reference": "E-1024"}))
    before, after = (f"{each.probability * 100:.0f}%" for each in over_time[1:])
    assert f"Since 1 March 2027 the risk has risen from {before} to {after}." in text
    assert "Works overtime: No → Yes" in text
    assert "raised it a lot" in text
    assert "lowered it" not in text


def test_by_one_model_the_differences_are_the_difference(alice, record):
    first, last = record(alice), record(alice, over_time="No", job_satisfaction=1)
    difference = difference_of(first, last, "en")
    assert difference.same_model
    moved = sum(term.delta for term in difference.terms)
    assert moved == pytest.approx(last.log_odds - first.log_odds, abs=1e-9)
    assert [term.label for term in difference.terms] == [
        "Works overtime",
        "Satisfaction with the job",
    ]


def test_nothing_changed_is_said_too(alice, record):
    first, last = record(alice), record(alice)
    difference = difference_of(first, last, "en")
    assert "the risk has stayed at" in difference.sentences[0]
    assert difference.sentences[-1] == "No answer that the model asks for has changed."
    assert difference.terms == []


def test_a_threshold_that_was_moved_is_said(alice, carol, record):
    first = record(alice)
    decide(first.model_version, (0.2, 0.4, 0.7), carol)
    difference = difference_of(first, judged_now(alice), "en")
    assert (
        "The threshold from which a conversation is advised was 25% and is 40%."
        in difference.sentences
    )


def judged_now(person):
    """An assessment by what holds now, whatever was decided since the test began."""
    using = registry.active()
    row = using.schema.clean(EMPLOYEE)
    return predict(row, using=using, request=Request(requested_by=person, source=Source.FORM))


def decide(version, bounds, by):
    operating_decisions.decide_operating_point(
        version=version,
        point=OperatingPoint(bounds),
        basis=Basis.COST,
        basis_value=2,
        reason="for the test",
        by=by,
    )


# ------------------------------------------------------------------ models


@pytest.fixture
def two_models(alice, active_model):
    """E-1024 judged by the bundled model in January, then by another company's in June and July."""
    request = Request(requested_by=alice, source=Source.FORM)
    with on(1):
        predict(active_model.schema.clean(EMPLOYEE), using=active_model, request=request)
    with on(4):
        other = services.register(
            files=artifact.files_of(other_model.ARTIFACT), origin=Origin.TRAINED
        )
        services.activate(version=other, reason="our own")
    using = registry.active()
    for month, values in ((6, {}), (7, {"teletravail": "Oui"})):
        with on(month):
            row = using.schema.clean(other_model.EMPLOYEE | {"employee_id": "E-1024"} | values)
            predict(row, using=using, request=request)
    return other


def test_where_the_model_was_replaced_is_marked(as_alice, two_models):
    page = as_alice.get(ADDRESS, {"reference": "E-1024"})
    [change] = page.context["timeline"].changes
    assert (change.number, change.version) == (1, two_models)
    assert change.at.month == 4  # when it was activated, between two assessments
    assert f"1 · {two_models.version}" in page.content.decode()
    text = text_of(page)
    assert re.search(rf"1 April 2027 ?: {two_models.version}", text)
    assert "Works from home: No → Yes" in text


def test_across_two_models_answers_are_compared_and_not_what_they_did(two_models):
    newest_first = list(Prediction.objects.of_employee("E-1024").for_timeline())
    timeline_of(newest_first, "en")
    difference = difference_of(newest_first[2], newest_first[1], "en")
    assert not difference.same_model
    assert any("Another model judged" in sentence for sentence in difference.sentences)
    # `job_level` is a scale of steps to the one, and a choice of words to the other.
    assert difference.terms == []


def test_each_assessment_keeps_the_levels_that_it_was_judged_by(alice, carol, record, active_model):
    first = record(alice)
    decide(first.model_version, (0.2, 0.4, 0.7), carol)
    last = judged_now(alice)
    bounds = [point.bounds for point in points_of([first, last])]
    assert bounds == [active_model.artifact.operating_point.bounds, (0.2, 0.4, 0.7)]
    assert bounds[0][1] == first.threshold != last.threshold


def test_levels_are_known_after_the_model_was_replaced(alice, record, two_models, monkeypatch):
    monkeypatch.setattr(judged_by, "_own", {})
    registry.forget()
    oldest = Prediction.objects.of_employee("E-1024").last()
    [point] = points_of([oldest])
    assert point.bounds == (0.1, 0.25, 0.5)


def test_levels_that_nobody_knows_any_more_follow_from_the_threshold(alice, record):
    made = record(alice)
    made.threshold = 0.33
    [point] = points_of([made])
    assert point == OperatingPoint.at(0.33)


# ------------------------------------------------------------------ the picture


def test_the_picture_has_a_link_per_assessment_that_can_be_heard(as_alice, over_time):
    page = as_alice.get(ADDRESS, {"reference": "E-1024"})
    wide, narrow = page.context["pictures"]
    for picture in (wide, narrow):
        assert picture.count("<a href=") == 3
        assert f'aria-label="1 June 2027 · {over_time[2].probability * 100:.0f}%' in picture
        assert "everyone: 16%" in picture


def test_a_reference_or_a_version_cannot_break_the_page(as_alice, alice, record):
    bad = '"><script>alert(1)</script>'
    made = [record(alice, employee_id=bad) for _ in range(2)]
    ModelVersion.objects.filter(pk=made[0].model_version_id).update(version="<b>")
    page = as_alice.get(ADDRESS, {"reference": bad})
    assert len(listed(page)) == 2
    assert "<script>alert" not in page.content.decode()
    assert "<b>" not in page.content.decode()


@pytest.mark.parametrize(
    ("first", "length", "most", "expected"),
    [
        (JANUARY, timedelta(minutes=10), 7, "10:04"),
        (JANUARY, timedelta(minutes=45), 4, "10:20"),
        (JANUARY, timedelta(hours=5), 7, "12 Jan. 10:00"),
        (JANUARY, timedelta(hours=5), 7, "11:00"),
        (JANUARY, timedelta(hours=40), 7, "13 Jan. 00:00"),
        (JANUARY, timedelta(days=6), 7, "13 Jan."),
        (JANUARY, timedelta(days=40), 7, "19 Jan."),
        (JANUARY, timedelta(days=300), 7, "March 2026"),
        (JANUARY, timedelta(days=300), 3, "July 2026"),
        (JANUARY, timedelta(days=365 * 60), 7, "2030"),
    ],
)
def test_dates_on_the_axis_are_round_and_few(first, length, most, expected):
    ticks = timeline_chart.date_ticks(first, first + length, most)
    assert 1 <= len(ticks) <= most + 1
    assert expected in [text for _moment, text in ticks]
    assert all(first <= moment <= first + length for moment, _text in ticks)


def test_many_at_one_moment_are_drawn(as_alice, alice, record):
    with on(3):
        for _ in range(3):
            record(alice)
    assert as_alice.get(ADDRESS, {"reference": "E-1024"}).status_code == 200


# ------------------------------------------------------------------ many


@pytest.fixture
def many(alice, active_model):
    frame = active_model.schema.clean_frame({key: [v] * 120 for key, v in EMPLOYEE.items()})
    request = Request(requested_by=alice, source=Source.API)
    return predict_frame(frame, using=active_model, request=request).predictions()


def test_many_assessments_come_in_pages(as_alice, many):
    first = as_alice.get(ADDRESS, {"reference": "E-1024"})
    assert "120 assessments" in text_of(first)
    assert 'href="?reference=E-1024&amp;page=2"' in first.content.decode()
    last = as_alice.get(ADDRESS, {"reference": "E-1024", "page": 3})
    pages = [*listed(first), *listed(as_alice.get(ADDRESS, {"reference": "E-1024", "page": 2}))]
    assert len({*pages, *listed(last)}) == 120
    assert "Last assessed" not in text_of(last)


def test_the_queries_do_not_grow_with_the_assessments(
    as_alice, alice, record, many, django_assert_num_queries
):
    record(alice, employee_id="E-2")
    for reference in ("E-2", "E-1024"):
        with django_assert_num_queries(6):  # session, person, count, rows, models, decisions
            as_alice.get(ADDRESS, {"reference": reference})


# ------------------------------------------------------------------ from a result, and back


def test_a_result_leads_to_the_one_before_the_one_after_and_all(as_alice, over_time):
    first, middle, last = over_time
    source = as_alice.get(middle.get_absolute_url()).content.decode()
    assert f'rel="prev" href="{first.get_absolute_url()}"' in source
    assert f'rel="next" href="{last.get_absolute_url()}"' in source
    assert 'href="/predictions/employee/?reference=E-1024"' in source
    page = text_of(as_alice.get(middle.get_absolute_url()))
    assert "All assessments of this employee (3)" in page
    assert "This employee has been assessed again since, on 1 June 2027." in page
    page = text_of(as_alice.get(last.get_absolute_url()))
    assert "Before, on 1 March 2027, the level was" in page
    assert "assessed again" not in page


def test_a_result_without_a_reference_or_alone_leads_nowhere(as_alice, alice, record):
    for made in (record(alice, employee_id=""), record(alice, employee_id=""), record(alice)):
        page = text_of(as_alice.get(made.get_absolute_url()))
        assert "All assessments of this employee" not in page


def test_neighbours_of_one_moment_follow_each_other(alice, record):
    with on(3):
        made = [record(alice) for _ in range(3)]
    ordered = list(Prediction.objects.of_employee("E-1024"))
    assert {each.pk for each in ordered} == {each.pk for each in made}
    all_ = Prediction.objects.all()
    newest, middle, oldest = ordered
    assert all_.neighbour(middle, newer=True).pk == newest.pk
    assert all_.neighbour(middle, newer=False).pk == oldest.pk
    assert all_.neighbour(newest, newer=True) is None
    assert all_.neighbour(oldest, newer=False) is None


@pytest.fixture
def of_a_file(alice, record):
    """Records a line of a file: `of_a_file(8, over_time="No")`."""
    batch = Batch.objects.create(
        name="export.csv",
        sha256="0" * 64,
        size=1,
        uploaded_by=alice,
        state=BatchState.DONE,
        started_at=JANUARY,
    )

    def make(line, groups=None, **values):
        row = Prediction.objects.get(pk=record(alice, employee_id="E-3", **values).pk)
        row._state.adding = True
        row.pk = Prediction._meta.pk.get_default()
        row.batch, row.row, row.source = batch, line, Source.FILE
        row.employee_id, row.groups = "E-2", groups or {}
        row.save()
        return row

    return make


def test_a_row_of_a_file_names_its_file_its_line_and_its_groups(client, bob, of_a_file):
    row = of_a_file(1024, groups={"Department": "Sales", "items": "three"})
    client.force_login(bob)
    page = client.get(row.get_absolute_url())
    text = text_of(page)
    assert "Line 1,024 of export.csv" in text
    assert "Department Sales" in text
    assert "items three" in text
    assert f'href="/batches/{row.batch_id}/"' in page.content.decode()
    assert "export.csv line 1024" in text_of(client.get(ADDRESS, {"reference": "E-2"}))


def test_two_lines_of_one_file_are_no_development(as_alice, of_a_file):
    with on(3):
        lines = of_a_file(12), of_a_file(8, over_time="No")
    page = as_alice.get(ADDRESS, {"reference": "E-2"})
    text = text_of(page)
    twice = "The file export.csv holds this reference twice (lines 8, 12): that is no development."
    assert twice in text
    assert "Since" not in text
    assert "Assessed once" not in text
    assert page.context["pictures"] == []
    oldest, newest = sorted(lines, key=lambda row: row.pk)
    for row, other in ((oldest, newest), (newest, oldest)):
        text = text_of(as_alice.get(row.get_absolute_url()))
        assert twice in text
        assert f"Line {other.row} of the same file: {other.get_band_display()}" in text
        assert "assessed again" not in text
        assert "Before, on" not in text


def test_a_file_s_lines_are_compared_with_what_was_before_them(as_alice, alice, record, of_a_file):
    with on(1):
        record(alice, employee_id="E-2")
    with on(3):
        of_a_file(8), of_a_file(12), of_a_file(40)
    page = as_alice.get(ADDRESS, {"reference": "E-2"})
    text = text_of(page)
    assert "Since 1 January 2027 the risk has stayed at" in text
    assert "holds this reference several times (lines 8, 12, 40)" in text
    assert len(page.context["pictures"]) == 2


def test_two_assessments_of_one_day_have_their_times(as_alice, alice, record):
    made = []
    for minute in (2, 9):
        with time_machine.travel(datetime(2027, 3, 1, 10, minute, tzinfo=UTC), tick=False):
            made.append(record(alice))
    page = as_alice.get(ADDRESS, {"reference": "E-1024"})
    text = text_of(page)
    assert "Since 1 March 2027, 10:02 the risk" in text
    assert "Last assessed on 1 March 2027, 10:09" in text
    for picture in page.context["pictures"]:
        assert 'aria-label="1 March 2027 10:02 ·' in picture
        ticks = re.findall(r'class="tick (?:middle|end)"[^>]*>([^<%]+)<', picture)
        assert ticks[0].startswith("1 March 10:")
        assert len(ticks) >= 2
    first, last = (text_of(as_alice.get(each.get_absolute_url())) for each in made)
    assert "assessed again since, on 1 March 2027, 10:09." in first
    assert "Before, on 1 March 2027, 10:02, the level" in last
