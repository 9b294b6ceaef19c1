"""What the account of the workforce counts, and what it leaves out."""

from __future__ import annotations

import random

import pytest
import time_machine

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.shapes import Curve
from mlcore.models import ModelVersion, OperatingDecision, Origin
from predictions.models import Prediction
from predictions.overview import account
from predictions.overview.tally import NOTICEABLE, raising_ranges
from predictions.services import Request, predict
from tests import other_model
from tests.overview.conftest import LEAVING, STAYING, bands

# Awkward in an order by language, by byte, or in a pattern; each is somebody.
REFERENCES = [
    "E-1",
    "E-10",
    "e-1",
    "É-1",
    "Z",
    "a",
    "%",
    "_",
    "E-1'",
    "0",
    "00",
    "𝔼",
    "ß",
    "ss",
    "~",
]


def way(content, name):
    """The groups of one way to divide everyone, by value: (people, at high risk)."""
    found = next(way for way in content["by"] if way["name"] == name)
    return {value: (people, high) for value, people, high in found["values"]}


def names(content, kind):
    return [way["name"] for way in content["by"] if way["kind"] == kind]


@pytest.fixture
def other(active_model):
    """Makes another model the active one."""

    def activate():
        files = artifact.files_of(other_model.ARTIFACT)
        version = services.register(files=files, origin=Origin.IMPORTED)
        services.activate(version=version, reason="for the test")
        registry.forget()
        return registry.active()

    return activate


def test_nobody_is_no_error(active_model):
    content = account.compute()
    assert content["people"] == 0
    assert content["mean_risk"] is None
    assert content["movement"] is None
    assert content["effects"]["people"] == 0


def test_without_a_model_the_people_are_counted_all_the_same(db, alice):
    content = account.compute()
    assert content["model"] is None
    assert content["effects"] is None


def test_everyone_counts_once_by_their_latest_assessment(alice, record):
    record(alice, employee_id="E-1", **STAYING)
    record(alice, employee_id="E-2", **LEAVING)
    before = account.compute()["levels"]
    assert sum(before.values()) == 2
    record(alice, employee_id="E-1", **LEAVING)
    content = account.compute()
    assert content["people"] == 2
    assert content["levels"][bands("E-1")[0]] == 2


def test_an_earlier_date_that_is_written_later_is_not_the_latest(alice, record):
    now = record(alice, employee_id="E-1", **LEAVING)
    with time_machine.travel("2025-01-01", tick=False):
        record(alice, employee_id="E-1", **STAYING)
    assert account.compute()["levels"][now.band] == 1


def test_each_reference_is_somebody_whatever_its_letters(alice, record):
    dice = random.Random(7)
    for _ in range(60):
        record(
            alice,
            employee_id=dice.choice(REFERENCES),
            **dice.choice((LEAVING, STAYING)),
        )
    used = sorted(set(Prediction.objects.values_list("employee_id", flat=True)))
    expected = bands(*used)
    content = account.compute()
    assert content["people"] == len(used)
    assert content["levels"] == {band: expected.count(band) for band in content["levels"]}


def test_assessments_without_a_reference_are_counted_apart(alice, record):
    record(alice, employee_id="E-1")
    record(alice, employee_id="")
    record(alice, employee_id="")
    content = account.compute()
    assert (content["people"], content["nameless"]) == (1, 2)


def test_groups_are_those_of_the_latest_file(alice, bring):
    bring(alice, {"E-1": LEAVING, "E-2": STAYING}, groups={"Site": ["Lyon", "Nantes"]})
    bring(alice, {"E-2": LEAVING}, groups={"Site": ["Lyon"]})
    assert way(account.compute(), "Site") == {"Lyon": (2, 2)}


def test_whoever_has_no_group_is_not_known(alice, bring, record):
    bring(alice, {"E-1": LEAVING, "E-2": STAYING}, groups={"Site": ["Lyon", ""]})
    record(alice, employee_id="E-3", **LEAVING)
    assert way(account.compute(), "Site") == {"Lyon": (1, 1), None: (2, 1)}


def test_nothing_protected_divides_people(alice, bring):
    bring(alice, {"E-1": {"gender": "Female", "age": 30}}, groups={"Sexe": ["F"], "Site": ["Lyon"]})
    content = account.compute()
    assert names(content, "group") == ["Site"]
    assert not {"gender", "age", "marital_status"} & set(names(content, "input"))


def test_a_column_that_tells_people_apart_is_no_group(alice, bring):
    people = {f"E-{number}": {} for number in range(450)}
    bring(alice, people, groups={"Manager": list(people), "Site": ["Lyon"] * 450})
    assert names(account.compute(), "group") == ["Site"]


def test_answers_to_choices_and_scales_divide_people(alice, bring):
    bring(alice, {"E-1": LEAVING, "E-2": STAYING, "E-3": {**STAYING, "over_time": None}})
    content = account.compute()
    counted = way(content, "over_time")
    assert {value: people for value, (people, _high) in counted.items()} == {
        "Yes": 1,
        "No": 1,
        None: 1,
    }
    assert "monthly_income" not in names(content, "input")
    assert names(content, "input")[0] == "over_time"


def test_another_model_s_answers_count_where_it_asked_the_same(alice, bring, other):
    bring(alice, {"E-1": LEAVING, "E-2": STAYING})
    using = other()
    row = using.schema.clean(other_model.EMPLOYEE)
    predict(row, using=using, request=Request(requested_by=alice, source="form"))
    content = account.compute()
    # Both models ask for a `job_level`, and mean different things by it.
    assert {value: people for value, (people, _) in way(content, "job_level").items()} == {
        "etam": 1,
        None: 2,
    }
    assert content["effects"]["people"] == 1


def test_the_effects_are_those_that_were_recorded(alice, bring):
    dice = random.Random(3)
    incomes = [dice.randint(1_500, 15_000) for _ in range(40)]
    people = {
        f"E-{number}": {**dice.choice((LEAVING, STAYING)), "monthly_income": income}
        for number, income in enumerate(incomes)
    }
    bring(alice, people)
    stored = [prediction.contributions for prediction in Prediction.objects.all()]
    for term in account.compute()["effects"]["terms"]:
        contributions = [one[term["name"]] for one in stored]
        assert term["up"] == pytest.approx(sum(max(c, 0) for c in contributions) / 40)
        assert term["down"] == pytest.approx(sum(min(c, 0) for c in contributions) / 40)
        assert term["raised"] == sum(c >= NOTICEABLE for c in contributions)
        assert term["lowered"] == sum(c <= -NOTICEABLE for c in contributions)


def test_the_answer_and_the_range_that_raise_most(alice, bring):
    people = {f"E-{number}": {**LEAVING, "distance_from_home": 25} for number in range(3)}
    people |= {f"F-{number}": {**STAYING, "distance_from_home": 2} for number in range(4)}
    bring(alice, people)
    terms = {term["name"]: term for term in account.compute()["effects"]["terms"]}
    assert terms["over_time"]["most"]["value"] == "Yes"
    assert terms["over_time"]["most"]["people"] == 3
    low, high = terms["distance_from_home"]["most"]["range"]
    assert 2 < low <= 25
    assert high is None
    assert terms["distance_from_home"]["most"]["people"] == 3


def test_how_much_higher_the_risk_of_these_people_is(alice, bring):
    people = {f"E-{number}": {**LEAVING, "distance_from_home": 25 - number} for number in range(3)}
    people |= {f"F-{number}": {**STAYING, "distance_from_home": 2} for number in range(4)}
    bring(alice, people)
    terms = {term["name"]: term for term in account.compute()["effects"]["terms"]}
    using = registry.active()
    stored = list(Prediction.objects.filter(employee_id__startswith="E-"))
    for name in ("over_time", "distance_from_home"):
        without = [
            using.model.probability(
                using.model.intercept + sum(one.contributions.values()) - one.contributions[name]
            )
            for one in stored
        ]
        expected = sum(one.probability for one in stored) / 3 - sum(without) / 3
        assert terms[name]["most"]["people"] == 3
        assert terms[name]["most"]["risk"] == pytest.approx(expected)


def test_pairs_count_as_terms_of_their_own(alice, other):
    using = other()
    for number in range(3):
        row = using.schema.clean(other_model.EMPLOYEE | {"employee_id": f"M-{number}"})
        predict(row, using=using, request=Request(requested_by=alice, source="form"))
    terms = {term["name"]: term for term in account.compute()["effects"]["terms"]}
    stored = Prediction.objects.first().contributions["salaire_base:teletravail"]
    assert terms["salaire_base:teletravail"]["up"] == pytest.approx(max(stored, 0))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.0, 1.0, 0.0), [(2.5, 17.5)]),
        ((1.0, 0.0, 1.0), [(float("-inf"), 7.5), (12.5, float("inf"))]),
        ((0.25, 0.25, 0.25), [(float("-inf"), float("inf"))]),
        ((0.2, 0.2, 0.2), []),
    ],
)
def test_where_a_curve_raises(values, expected):
    assert raising_ranges(Curve((0.0, 10.0, 20.0), values)) == expected


# ------------------------------------------------------------------ movement


def moved(content):
    return {(old, new): people for old, new, people in content["movement"]["moves"]}


def test_one_file_alone_moves_nobody(alice, bring, record):
    record(alice, employee_id="E-1")
    bring(alice, {"E-1": LEAVING})
    assert account.compute()["movement"] is None


def test_the_last_file_against_what_was_known_before_it(alice, bring, record):
    bring(alice, {"E-1": STAYING, "E-2": LEAVING, "E-3": STAYING, "E-4": LEAVING})
    record(alice, employee_id="E-5", **STAYING)
    bring(alice, {"E-1": LEAVING, "E-2": LEAVING, "E-3": STAYING, "E-5": LEAVING, "E-6": STAYING})
    # What came after the file is not its movement.
    record(alice, employee_id="E-3", **LEAVING)
    high, low = bands("E-1")[0], bands("E-6")[0]
    content = account.compute()
    assert moved(content) == {(low, high): 2, (high, high): 1, (low, low): 1, ("", low): 1}
    assert content["movement"]["gone"] == 1
    assert content["movement"]["judged_otherwise"] == 0


def test_the_newest_of_what_was_known_counts(alice, bring):
    bring(alice, {"E-1": LEAVING})
    bring(alice, {"E-1": STAYING})
    bring(alice, {"E-1": LEAVING})
    high = bands("E-1")[0]
    ((old, new),) = moved(account.compute())
    assert new == high
    assert old != high


def test_a_file_counts_with_those_that_corrected_it(alice, bring):
    bring(alice, {"E-1": STAYING, "E-2": STAYING, "E-3": STAYING})
    last = bring(alice, {"E-1": STAYING}, name="november.csv")
    second = bring(alice, {"E-2": LEAVING}, name="corrected.csv", corrects=last)
    bring(alice, {"E-3": STAYING}, name="again.csv", corrects=second)
    content = account.compute()
    assert content["movement"]["file"] == {"id": last.pk, "name": "november.csv"}
    assert sum(moved(content).values()) == 3
    assert content["movement"]["gone"] == 0


def test_a_file_that_was_stopped_is_no_whole_file(alice, bring):
    bring(alice, {"E-1": STAYING, "E-2": STAYING})
    bring(alice, {"E-1": LEAVING}, state="cancelled")
    assert account.compute()["movement"] is None


def test_people_without_a_reference_move_nowhere(alice, bring):
    bring(alice, {"E-1": STAYING, "": LEAVING})
    bring(alice, {"E-1": STAYING, "": STAYING})
    content = account.compute()
    assert sum(moved(content).values()) == 1
    assert content["movement"]["gone"] == 0


def test_it_is_said_when_another_threshold_judged_before(alice, carol, bring, active_model):
    bring(alice, {"E-1": STAYING, "E-2": LEAVING})
    OperatingDecision.objects.create(
        model_version=ModelVersion.objects.get(pk=active_model.id),
        moderate_from=0.01,
        threshold=0.02,
        very_high_from=0.5,
        basis="cost",
        basis_value=3,
        reason="for the test",
        decided_by=carol,
    )
    registry.forget()
    bring(alice, {"E-1": STAYING, "E-2": LEAVING})
    assert account.compute()["movement"]["judged_otherwise"] == 2


# ------------------------------------------------------------------ the file of the workforce


def people(prefix, count, values=STAYING):
    return {f"{prefix}-{number}": values for number in range(count)}


def test_a_small_file_is_no_file_of_the_workforce(alice, bring):
    first = bring(alice, people("E", 12))
    second = bring(alice, people("E", 12))
    bring(alice, people("F", 2))
    content = account.compute()
    assert content["workforce"] == {
        "files": [second.pk],
        "refused": 0,
        "corrected": 0,
        "since": 1,
    }
    assert (content["movement"]["files"], content["movement"]["files_before"]) == (
        [second.pk],
        [first.pk],
    )


def test_a_fifth_of_everyone_is_a_workforce(alice, bring):
    bring(alice, people("E", 12))
    last = bring(alice, people("F", 3))
    assert account.compute()["workforce"]["files"] == [last.pk]


def test_few_people_in_a_file_are_not_all_that_many_others_are(alice, bring, record):
    for number in range(11):
        record(alice, employee_id=f"E-{number}")
    bring(alice, people("F", 2))
    content = account.compute()
    assert content["workforce"] is None
    assert content["present"] is None
    assert content["people"] == 13


def test_present_is_who_was_assessed_with_the_last_file_or_since(alice, bring, record):
    bring(alice, people("E", 6) | people("GONE", 2, LEAVING))
    last = bring(alice, people("E", 5))
    bring(alice, {"E-5": STAYING}, corrects=last)
    record(alice, employee_id="NEW", **LEAVING)
    content = account.compute()
    assert (content["people"], content["present"]["people"]) == (9, 7)
    assert content["present"]["levels"][bands("NEW")[0]] == 1
    assert content["present"]["effects"]["people"] == 7
    found = next(way for way in content["present"]["by"] if way["name"] == "over_time")
    assert found["values"] == [["No", 6, 0], ["Yes", 1, 1]]
