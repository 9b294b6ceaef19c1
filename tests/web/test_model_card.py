"""A model's card as a page: the answer in words first, every figure the card's own."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from django.utils import translation

from mlcore import services
from mlcore.cards import card, charts
from mlcore.engine import artifact
from mlcore.engine.operating import OperatingPoint
from mlcore.models import ModelVersion, Origin
from mlcore.templatetags import figures
from tests.web.model_cards import full_card, full_files, full_model
from tests.web.test_models_pages import text_of


@pytest.fixture
def full(active_model):
    return full_model(active_model.artifact)


@pytest.fixture
def version(active_model):
    return services.register(files=full_files(active_model.artifact), origin=Origin.TRAINED)


def read(full, stored, *, language="en", threshold=0.25, model="own"):
    with translation.override(language):
        return card.read(
            stored,
            schema=full.schema,
            model=full.model if model == "own" else None,
            point=OperatingPoint.at(threshold),
            language=language,
        )


# ------------------------------------------------------------------ the page


def test_the_answer_comes_first_in_words(as_alice, version):
    page = text_of(as_alice.get(f"/models/{version}/"))
    lead = "On employees that it had not seen: of 100 who left, the list of the"
    assert page.index(lead) < page.index("People it learned from") < page.index("SHA-256")
    assert "in 86 of 100 such pairs (between 84 and 88)" in page
    assert "within about 2.1 of 100 people" in page


def test_the_card_tells_where_the_model_comes_from(as_alice, version):
    page = text_of(as_alice.get(f"/models/{version}/"))
    assert "Rows that repeat another 12" in page
    assert "3 without an answer, 1 that could not be read" in page
    assert "Column “Attrition”, value “Yes”" in page
    assert "Over18 The same for everyone." in page
    assert ": 6 are asked for, out of 12" in page
    assert "Hourly rate −0.0003" in page
    assert "Deciding about a person without a conversation." in page
    assert version.sha256 in page
    assert "d" * 64 in page


def test_every_input_has_its_picture_and_its_numbers(as_alice, version, full):
    source = as_alice.get(f"/models/{version}/").text
    for feature in full.schema.features:
        assert f'id="shape-{feature.name}"' in source
    assert (
        source.count('<svg class="plot"')
        == sum(feature.kind == "number" for feature in full.schema.features) + 4
    )  # calibration, ROC, precision and recall, selection
    assert "style=" not in source
    assert "<script>" not in source


def test_the_card_in_french(as_alice, version):
    page = text_of(as_alice.get(f"/models/{version}/", headers={"Accept-Language": "fr"}))
    assert "Sur des collaborateurs qu’il n’avait pas vus" in page
    assert "Fait des heures supplémentaires" in page
    assert "Identique pour tous." in page
    assert "Moins de 30 ans" in page
    assert "0,857" in page


def test_the_card_costs_six_queries(as_alice, version, django_assert_num_queries):
    as_alice.get(f"/models/{version}/")
    # Session, person, the model, its files, its operating point, its activations.
    with django_assert_num_queries(6):
        as_alice.get(f"/models/{version}/")


def test_the_json_is_the_card_as_stored(as_alice, version):
    answer = as_alice.get(f"/models/{version}/card.json")
    assert answer["Content-Type"] == "application/json"
    assert answer.json() == version.card


def test_the_bundled_model_has_a_card(as_alice, active_model):
    bundled = ModelVersion.objects.get()
    page = text_of(as_alice.get(f"/models/{bundled}/"))
    assert "IBM’s fictional HR attrition data" in page
    assert "On employees that it had not seen: of 100 who left" in page
    assert "leave whatever the conditions are" in page
    assert "Groups compared" in page
    assert "Put someone who left beside someone who stayed" in page


OPTIONAL = [
    "duplicates", "set_aside", "data_sha256", "target", "inputs", "audit_attributes", "left_out",
    "selection", "pairs", "pairs_tried", "floor", "method", "fairness", "density", "not_for",
    "compiled", "operating_point", "trained_with", "base_rate", "source", "title", "rows",
    "leavers",
]  # fmt: skip


def test_a_card_that_lacks_a_part_is_read_without_it(full):
    for part in [*OPTIONAL, "evaluation"]:
        stored = {name: value for name, value in full.card.items() if name != part}
        if part == "evaluation":
            del stored["fairness"]
        for model in ("own", None):
            assert read(full, stored, model=model).threshold == 0.25


def test_an_evaluation_that_lacks_a_part(full):
    for part in ("metrics", "baselines", "curves", "operating", "protocol"):
        stored = full_card(full)
        del stored["evaluation"][part]
        if part == "operating":
            del stored["fairness"]
        assert read(full, stored).answers


def test_every_page_shows_a_model_with_half_a_card(as_alice, full):
    stored = {name: full.card[name] for name in ("name", "inputs", "left_out")}
    version = services.register(
        files=artifact.files_of(replace(full, card=stored)), origin=Origin.TRAINED
    )
    for address in ("", "operating-point/", "card.json"):
        assert as_alice.get(f"/models/{version}/{address}").status_code == 200
    assert as_alice.get("/models/").status_code == 200
    assert as_alice.get(f"/models/compare/?challenger={version}").status_code == 200


def test_an_empty_card_says_that_nothing_is_known(as_alice, full):
    version = services.register(
        files=artifact.files_of(replace(full, card={})), origin=Origin.TRAINED
    )
    page = text_of(as_alice.get(f"/models/{version}/"))
    assert "nothing is known about how good the model is" in page
    assert "To decide about a person" in page


def test_a_card_that_contradicts_itself_is_still_told_of(as_alice, full):
    stored = full_card(full)
    stored["fairness"]["gender"]["groups"][0]["people"] = 1  # fewer than are listed
    version = services.register(
        files=artifact.files_of(replace(full, card=stored)), origin=Origin.TRAINED
    )
    answer = as_alice.get(f"/models/{version}/")
    assert answer.status_code == 200
    assert "Its card contradicts itself" in text_of(answer)


def test_names_from_a_file_cannot_write_markup(as_alice, full):
    stored = full_card(full) | {
        "title": {"en": "<script>alert(1)</script>", "fr": "x"},
        "left_out": {"<b>column</b>": {"en": "<i>why</i>", "fr": "x"}},
    }
    named = tuple(
        replace(feature, label={"en": '"><script>alert(2)</script>', "fr": "x"})
        for feature in full.schema.features
    )
    schema = replace(full.schema, features=named)
    version = services.register(
        files=artifact.files_of(replace(full, card=stored, schema=schema)), origin=Origin.TRAINED
    )
    source = as_alice.get(f"/models/{version}/").text
    assert "<script>alert" not in source
    assert "<b>column" not in source
    assert "<i>why" not in source


# ------------------------------------------------------------------ what is said


def test_doubts_are_said_at_the_top(full):
    stored = full_card(full) | {"leavers": 60}
    metrics = stored["evaluation"]["metrics"]
    metrics["roc_auc"] |= {"mean": 0.53, "low": 0.48}
    metrics["log_loss"]["mean"] = 0.46
    metrics["calibration_error"]["mean"] = 0.08
    with translation.override("en"):
        doubts = " ".join(read(full, stored).doubts)
    assert "60 leavers only" in doubts
    assert "no better than chance" in doubts
    assert "Telling everyone the same risk" in doubts
    assert "they rank, no more" in doubts
    assert read(full, full_card(full), threshold=0.01).doubts == []


def test_groups_are_judged_by_four_fifths_in_words(full):
    strict = read(full, full_card(full), threshold=0.3)
    age = next(group for group in strict.groups if group.label == "Age")
    assert "“Under 30”" in age.sentence
    assert "the most" in age.sentence
    assert "Of 100 of them, 13 did leave; of 100 in “Under 30”, 28." in age.sentence
    even = read(full, full_card(full), threshold=0.001)
    assert "nothing calls for a closer look" in even.groups[0].sentence
    nobody = read(full, full_card(full) | {"fairness": {}})
    assert nobody.groups == []


def test_groups_that_are_too_small_to_show_are_said_to_be(full):
    stored = full_card(full)
    stored["fairness"] = {"site": {"label": {"en": "Site"}, "groups": [], "hidden": 300}}
    with translation.override("en"):
        [site] = read(full, stored).groups
    assert site.sentence.startswith("Its groups are too small to compare")
    assert not site.worrying


def test_shapes_come_strongest_first_and_say_their_extremes(full):
    learned = read(full, full_card(full)).learned
    importances = [shape.importance for shape in learned.shapes]
    assert importances == sorted(importances, reverse=True)
    overtime = next(shape for shape in learned.shapes if shape.name == "over_time")
    assert overtime.summary.startswith("Highest: Yes (")
    # Nothing speaks for anything at the base rate: what raises lies above it, and by the odds.
    raised = full.model.shapes["over_time"].at("Yes")
    floor, base = full.model.floor, full.model.base_rate

    def log_odds(risk):
        share = (risk - floor) / (1 - floor)
        return math.log(share / (1 - share))

    assert log_odds(overtime.rows[0].risk) - log_odds(base) == pytest.approx(raised)
    assert overtime.rows[0].people == 450
    distance = next(shape for shape in learned.shapes if shape.name == "distance_from_home")
    assert distance.blank.risk > learned.base_rate  # its blank was learned
    assert all(row.risk <= learned.largest for shape in learned.shapes for row in shape.rows)


def test_a_pair_is_a_map_with_the_words_of_its_features(full):
    [pair] = read(full, full_card(full)).learned.pairs
    assert pair.columns == ["up to 2", "3 to 9", "10 to 20", "21 or more"]
    assert [label for label, _cells in pair.rows] == ["No", "Yes"]
    together, apart = pair.rows[1][1], pair.rows[0][1]
    assert together[-1].points.startswith("+")
    assert apart[-1].points.startswith("−")
    assert together[-1].log_odds == 0.9
    strongest = max(together, key=lambda cell: int(cell.points))
    assert strongest.heat == "heat-p3"
    assert f"by {strongest.points} of 100" in pair.summary
    assert "Works overtime is “Yes” and Distance from home to work is “" in pair.summary


def test_without_its_files_a_model_has_no_shapes(full):
    assert read(full, full_card(full), model=None).learned is None


# ------------------------------------------------------------------ pictures


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (1_009, 19_999, (5_000, 10_000, 15_000)),
        (-3, 3, (-2, 0, 2)),
        (5, 5, (5,)),
        (0, 1e-6, (0, 2e-07, 4e-07, 6e-07, 8e-07, 1e-06)),
    ],
)
def test_ticks_are_round_and_few(low, high, expected):
    assert charts.nice_ticks(low, high) == pytest.approx(expected)


def test_a_picture_says_what_it_shows_and_escapes_its_words():
    axis = charts.Axis(title="<x>", low=0, high=1, ticks=(0, 1), write=lambda v: "&")
    svg = charts.Plot(axis, axis).line([(0, 0), (1, 1)]).svg('a "curve"')
    assert 'role="img" aria-label="a &quot;curve&quot;"' in svg
    assert "&lt;x&gt;" in svg
    assert re.search(r'class="line" d="M[\d. L]+"', svg)


def test_bars_begin_at_zero_and_end_at_the_edge():
    assert 'width="25.00"' in charts.bar(0.25)
    assert 'width="100.00"' in charts.bar(7)
    assert 'x="20.00" y="3.5" width="10.00"' in charts.interval_bar(0.25, 0.2, 0.3)


def test_what_was_taken_away_goes_by_its_label(full):
    for language, hourly in (("en", "Hourly rate"), ("fr", "Taux")):
        rows = read(full, full.card, language=language).selection.rows
        overtime = full.schema.by_name["over_time"].label[language]
        # A name that the card does not explain stays a name.
        assert [row[1] for row in rows[:4]] == ["–", hourly, "a_column", overtime]


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [(0.0, 2, 1), (0.5, 2, 1), (1.0, 1, 1), (1.1, 2, 1), (1.9, 2, 1), (2.0, 2, 2), (12.0, 2, 2)],
)
def test_where_one_ends_and_several_begin(value, english, french):
    for language, number in (("en", english), ("fr", french)):
        with translation.override(language):
            assert figures.counted(value) == number


@pytest.mark.parametrize(("leavers", "said"), [(1, "from 1 leaver only"), (2, "from 2 leavers")])
def test_one_leaver_is_one(full, leavers, said):
    assert said in read(full, full.card | {"leavers": leavers}).doubts[0]


def test_an_older_card_that_tells_its_method_in_one_language_is_read(full):
    evaluation = full.card["evaluation"] | {"protocol": "5 folds"}
    stored = full.card | {"method": "trees", "evaluation": evaluation}
    page = read(full, stored, language="fr")
    assert (page.method, page.protocol) == ("trees", "5 folds")
