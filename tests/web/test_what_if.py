"""What could change a risk: values moved on a stored prediction, its model asked, nothing kept."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mlcore import operating_decisions, registry, services
from mlcore.engine import artifact
from mlcore.engine.features import Feature
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import SchemaError
from mlcore.models import Basis, ModelFiles, Origin
from predictions import what_if
from predictions.models import Prediction, Source
from predictions.services import Request, predict
from predictions.what_if import (
    NotTriableError,
    best_changes,
    best_together,
    ground_of,
    tried,
)
from tests import other_model
from tests.conftest import EMPLOYEE


def text_of(response):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def trial_address(prediction):
    return f"{prediction.get_absolute_url()}what-if/"


@pytest.fixture
def stored(alice, active_model):
    """As a page reads it: from the database, judged by what holds now."""

    def make(**values):
        using = registry.active()
        row = using.schema.clean(EMPLOYEE | values)
        made = predict(row, using=using, request=Request(requested_by=alice, source=Source.FORM))
        return Prediction.objects.for_result().get(pk=made.pk)

    return make


@pytest.fixture
def of_another_model(active_model, alice):
    """A prediction of a model whose columns nothing else knows; the bundled one is active again."""
    version = services.register(
        files=artifact.files_of(other_model.ARTIFACT), origin=Origin.TRAINED
    )
    services.activate(version=version, reason="our own")

    def make(**values):
        active = registry.active()
        assert active.id == version.pk
        row = active.schema.clean(other_model.EMPLOYEE | values)
        made = predict(row, using=active, request=Request(requested_by=alice, source=Source.FORM))
        return Prediction.objects.for_result().get(pk=made.pk)

    return make


# ------------------------------------------------------------------ what is tried


def test_a_trial_is_what_a_prediction_with_those_values_says(stored):
    before = stored(over_time="Yes")
    ground = ground_of(before)
    trial = tried(ground, ground.moved({"over_time": "No", "monthly_income": "7 200"}), "en")
    after = stored(over_time="No", monthly_income=7200)
    assert trial.probability == after.probability
    assert trial.band == after.band
    assert [(move.label, move.before, move.after) for move in trial.moves] == [
        ("Works overtime", "Yes", "No"),
        ("Monthly income", "5,993", "7,200\u00a0USD per month"),
    ]


def test_without_a_move_a_trial_is_the_prediction_itself(stored):
    prediction = stored()
    ground = ground_of(prediction)
    trial = tried(ground, ground.moved({}), "en")
    assert (trial.probability, trial.band) == (prediction.probability, prediction.band)
    assert trial.moves == []


def test_a_moved_value_is_judged_as_every_value_is(stored):
    ground = ground_of(stored())
    with pytest.raises(SchemaError) as refused:
        ground.moved({"over_time": "Sometimes", "monthly_income": "a lot"})
    assert {name: found[0].code for name, found in refused.value.problems.items()} == {
        "over_time": "not_a_choice",
        "monthly_income": "not_a_number",
    }


def test_a_level_begins_where_it_did_when_the_prediction_was_made(stored, carol):
    before = stored()
    operating_decisions.decide_operating_point(
        version=before.model_version,
        point=OperatingPoint((0.97, 0.98, 0.99)),
        basis=Basis.COST,
        basis_value=4,
        reason="for the test",
        by=carol,
    )
    after = stored()
    bands = [ground_of(each) for each in (before, after)]
    assert [tried(ground, ground.row, "en").band for ground in bands] == [before.band, after.band]
    assert before.band != after.band


# ------------------------------------------------------------------ the changes that help most


def test_the_changes_that_help_are_ranked_and_each_is_what_trying_it_gives(stored):
    ground = ground_of(stored())
    changes = best_changes(ground, "en")
    assert changes
    assert changes[0].name == "over_time"
    risks = [change.probability for change in changes]
    assert risks == sorted(risks)
    for change in changes:
        row = ground.moved({change.name: change.value})
        assert tried(ground, row, "en").probability == change.probability
        assert ground.prediction.probability - change.probability >= 0.005
        assert ground.schema.by_name[change.name].actionable
    assert len({change.name for change in changes}) == len(changes)


WORST = {
    "business_travel": "Travel_Frequently", "distance_from_home": 22, "job_level": 1,
    "job_role": "Sales Representative", "monthly_income": 2_863, "total_working_years": 1,
    "environment_satisfaction": 1, "job_satisfaction": 1, "job_involvement": 1,
    "years_at_company": 1, "num_companies_worked": 9,
}  # fmt: skip


def test_a_risk_near_certainty_has_its_changes_ranked_all_the_same(stored, as_alice):
    ground = ground_of(stored(**WORST))
    assert ground.prediction.probability > 0.99
    changes = best_changes(ground, "en")
    assert changes[0].name == "over_time"
    assert changes[0].hardly_visible
    effects = [change.effect for change in changes]
    assert effects == sorted(effects)
    assert effects[-1] <= -0.05
    page = text_of(as_alice.get(trial_address(ground.prediction)))
    assert re.search(r"alone hardly visible at this level \(−[0-9.]+ in log-odds\)", page), page
    assert "No single change" not in page


def test_where_no_single_change_is_enough_a_few_together_are_shown(stored, as_alice):
    prediction = stored(**WORST)
    ground = ground_of(prediction)
    changes = best_changes(ground, "en")
    together = best_together(ground, changes)
    assert [each.name for each in together.changes] == [each.name for each in changes[:3]]
    after = stored(**WORST | {each.name: each.value for each in together.changes})
    assert (together.probability, together.band) == (after.probability, after.band)
    assert together.probability < min(change.probability for change in changes)
    page = as_alice.get(trial_address(prediction))
    assert "3 changes together Works overtime: Yes → No" in text_of(page)
    query = page.context["trying"].together_query
    again = as_alice.get(f"{trial_address(prediction)}?{query}")
    assert again.context["trying"].trial.probability == together.probability


def test_where_a_single_change_is_enough_no_others_are_needed(stored):
    ground = ground_of(stored())
    changes = best_changes(ground, "en")
    assert ground.prediction.elevated
    assert changes[0].probability < ground.prediction.threshold
    assert best_together(ground, changes) is None


def test_changes_together_end_where_the_risk_is_below_the_threshold(stored):
    prediction = stored()
    [first, second, *_others] = best_changes(ground_of(prediction), "en")
    prediction.threshold = first.probability - 0.001
    ground = ground_of(prediction)
    together = best_together(ground, best_changes(ground, "en"))
    assert [each.name for each in together.changes] == [first.name, second.name]
    assert together.probability < prediction.threshold


def test_a_risk_below_its_threshold_needs_no_changes_together(stored):
    ground = ground_of(stored(over_time="No", job_level=5, work_life_balance=3))
    assert not ground.prediction.elevated
    changes = best_changes(ground, "en")
    assert best_together(ground, changes) is None
    assert not any(change.hardly_visible for change in changes)


def test_another_companys_pairs_count_in_what_changes_do_together(of_another_model):
    prediction = of_another_model()
    prediction.threshold = 1e-9
    ground = ground_of(prediction)
    together = best_together(ground, best_changes(ground, "en"))
    values = {each.name: each.value for each in together.changes}
    assert together.probability == of_another_model(**values).probability


def test_what_is_not_known_is_no_change_but_can_be_tried(stored, as_alice):
    prediction = stored(over_time=None)
    ground = ground_of(prediction)
    assert "over_time" not in {change.name for change in best_changes(ground, "en")}
    page = text_of(as_alice.get(trial_address(prediction), {"over_time": "No"}))
    assert "Works overtime: Not known → No" in page


def test_a_scale_moves_by_its_nearest_step_that_helps(stored):
    [change] = [c for c in best_changes(ground_of(stored()), "en") if c.name == "work_life_balance"]
    assert (change.before, change.after) == ("Bad", "Good")


def test_a_risk_that_nothing_lowers_says_so(stored, as_alice, monkeypatch):
    monkeypatch.setattr(what_if, "_LEAST", 1.0)
    monkeypatch.setattr(what_if, "_LEAST_LOG_ODDS", 100.0)
    page = text_of(as_alice.get(trial_address(stored())))
    assert "No single change among these lowers the risk enough" in page


PAY = Feature(
    name="pay", column="Pay", kind="number", label={"en": "Pay"}, maximum=1e6,
    seen=(1_009, 19_999), typical=4_919, actionable=True,
)  # fmt: skip
SESSIONS = Feature(
    name="sessions", column="Sessions", kind="number", label={"en": "Sessions"}, maximum=50,
    seen=(0, 6), typical=3, actionable=True,
)  # fmt: skip
HOURS = Feature(
    name="hours", column="Hours", kind="number", label={"en": "Hours"}, maximum=800, integer=False,
    unit={"en": "hour|hours"}, seen=(96, 310), typical=200, actionable=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("feature", "now", "expected"),
    [
        (PAY, 5_993, [6_290, 6_590, 7_190]),  # a pay rises, and never falls
        (PAY, 19_500, []),  # no further than was seen
        (SESSIONS, 0, [1, 2, 4]),
        (SESSIONS, 5, [4, 6, 3, 1]),  # 7 and 9 stop at 6
        (HOURS, 250.5, [240.5, 260.5, 230.5, 270.5, 210.5, 290.5]),
        (SESSIONS, 40, []),  # nothing near it was seen
    ],
)
def test_a_number_moves_by_what_an_employer_could_do(feature, now, expected):
    [amounts] = what_if._amounts(feature, now)
    assert amounts == expected
    assert all(type(feature.read(amount)) is type(amount) for amount in amounts)


def test_another_companys_model_is_tried_with_its_pairs(of_another_model):
    prediction = of_another_model()
    ground = ground_of(prediction)
    changes = {change.name: change for change in best_changes(ground, "fr")}
    assert changes.keys() == {"salaire_base", "engagement", "teletravail"}
    again = of_another_model(teletravail="Oui")
    assert changes["teletravail"].probability == again.probability
    assert changes["teletravail"].before == "Non"
    # 5, 10 and 20 % more; what 10 % more do is not told apart from what 20 % do.
    pay = changes["salaire_base"]
    assert pay.value == 2_280.0
    assert pay.by.startswith("+20")
    assert [lesser.text for lesser in pay.lesser] == ["2\u202f000"]


# ------------------------------------------------------------------ the page


def test_the_page_shows_what_the_address_tries(as_alice, stored):
    prediction = stored()
    page = as_alice.get(trial_address(prediction), {"over_time": "No", "job_level": "3"})
    after = stored(over_time="No", job_level=3)
    text = text_of(page)
    assert "Works overtime: Yes → No" in text
    assert "Job level: Level 2 → Level 3" in text
    assert f"{round(after.probability * 100)}%" in text
    assert "It does not say what will follow" in text
    assert 'name="over_time" value="No" class="answers"' in page.content.decode()


def test_a_bar_is_of_everyone(as_alice, stored):
    """The grey track is 100 people of 100, in every picture."""
    prediction = stored()
    source = as_alice.get(trial_address(prediction)).content.decode()
    box = source[source.index('class="outcome-bars"') :]
    width = re.search(rf'<rect class="band-{prediction.band}" width="([0-9.]+)"', box)[1]
    assert float(width) == pytest.approx(prediction.probability * 100, abs=0.01)


def test_a_result_s_address_may_hold_what_is_tried(as_alice, stored):
    prediction = stored()
    page = as_alice.get(prediction.get_absolute_url(), {"over_time": "No"})
    assert "Works overtime: Yes → No" in text_of(page)
    assert (
        f'href="{trial_address(prediction)}?over_time=No#try" data-share' in page.content.decode()
    )


def test_nothing_that_is_tried_is_recorded(as_alice, stored):
    prediction = stored()
    before = Prediction.objects.count()
    with CaptureQueriesContext(connection) as queries:
        as_alice.get(trial_address(prediction), {"over_time": "No"})
        as_alice.get(
            trial_address(prediction),
            {"over_time": "No"},
            headers={"Accept": "application/json"},
        )
        as_alice.get(prediction.get_absolute_url())
    assert Prediction.objects.count() == before
    assert not [q["sql"] for q in queries if not q["sql"].startswith("SELECT")]


def test_only_what_an_employer_can_change_can_be_moved(as_alice, stored, active_model):
    prediction = stored()
    page = as_alice.get(trial_address(prediction), {"job_role": "Manager", "no_such": "1"})
    text = text_of(page)
    assert "“job_role” is nothing that can be changed here." in text
    assert "“no_such” is nothing that can be changed here." in text
    form = page.context["trying"].form
    assert set(form.fields) == {f.name for f in active_model.schema.features if f.actionable}


def test_a_value_beyond_the_training_data_is_pointed_out(as_alice, stored):
    page = as_alice.get(trial_address(stored()), {"monthly_income": "30000"})
    text = text_of(page)
    moved = "Monthly income: 5,993 → 30,000 USD per month (beyond what the model has seen)"
    assert moved in text


def test_an_error_stands_at_its_field_and_keeps_what_was_typed(as_alice, stored):
    page = as_alice.get(trial_address(stored()), {"monthly_income": "beaucoup", "over_time": "No"})
    assert page.status_code == 200
    source = page.content.decode()
    assert re.search(r'id="id_try_monthly_income_error"><p>“beaucoup” is not a number', source)
    assert 'value="beaucoup"' in source
    assert "A value cannot be read yet" in source


@pytest.mark.parametrize("value", ["", "  ", "\x00"])
def test_a_field_that_says_nothing_is_as_it_was_assessed(as_alice, stored, value):
    page = as_alice.get(trial_address(stored()), {"monthly_income": value})
    assert page.status_code == 200
    assert 'value="5993"' in page.content.decode() or value == "\x00"


def test_a_script_is_sent_the_outcome_and_the_errors_by_field(as_alice, stored):
    prediction = stored()

    def ask(**tried):
        answer = as_alice.get(
            trial_address(prediction), tried, headers={"Accept": "application/json"}
        )
        assert answer["Content-Type"] == "application/json"
        assert "no-store" in answer["Cache-Control"]
        assert "Accept" in answer["Vary"]
        return answer.json()

    found = ask(over_time="No", monthly_income="")
    after = stored(over_time="No")
    assert found["moved"] == ["over_time"]
    assert found["query"] == "over_time=No"
    assert found["errors"] == {}
    assert found["said"].startswith(f"With these changes: {round(after.probability * 100)}%, ")
    assert "<table" in found["outcome"]
    wrong = ask(monthly_income="beaucoup")
    assert list(wrong["errors"]) == ["monthly_income"]
    assert "cannot be read yet" in wrong["said"]
    nothing = ask()
    assert nothing["moved"] == []
    assert nothing["said"].startswith("All values are as they were assessed")


def test_the_page_speaks_french(as_alice, of_another_model):
    prediction = of_another_model()
    page = as_alice.get(
        trial_address(prediction),
        {"salaire_base": "2 345,5", "teletravail": "Oui"},
        headers={"Accept-Language": "fr"},
    )
    text = text_of(page)
    assert "Fait du télétravail" in text
    assert "2\u202f345,5\u00a0euros" in page.content.decode()
    assert 'value="2 345,5"' in page.content.decode()
    # Numbers that a script reads are no one's language.
    assert 'data-low="1766.92"' in page.content.decode()


@pytest.mark.parametrize(
    ("person", "section", "expected"),
    [("alice", True, 200), ("bob", False, 403), ("carol", True, 200), ("dave", None, 403),
     ("erin", None, 403)],
)  # fmt: skip
def test_who_may_try(client, request, stored, person, section, expected):
    prediction = stored()
    client.force_login(request.getfixturevalue(person))
    assert client.get(trial_address(prediction)).status_code == expected
    if section is not None:
        result = client.get(prediction.get_absolute_url())
        assert ('id="what-if"' in result.content.decode()) is section


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_trial_is_only_read(as_alice, stored, method):
    assert getattr(as_alice, method)(trial_address(stored())).status_code == 405


def test_a_model_that_cannot_be_used_any_more_is_a_sentence(as_alice, of_another_model):
    prediction = of_another_model()
    ModelFiles.objects.filter(pk=prediction.model_version_id).update(content=b"altered")
    registry.forget()
    with pytest.raises(NotTriableError):
        ground_of(prediction)
    page = as_alice.get(prediction.get_absolute_url())
    assert page.status_code == 200
    text = text_of(page)
    assert "The model that made this assessment cannot be used any more" in text
    assert "What raises the risk most" in text
    answer = as_alice.get(trial_address(prediction), headers={"Accept": "application/json"})
    assert "cannot be used any more" in answer.json()["said"]


def test_a_trial_s_queries_are_few(as_alice, stored, django_assert_num_queries):
    prediction = stored()
    with django_assert_num_queries(4):  # session, person, record, by what it was judged
        as_alice.get(trial_address(prediction), {"over_time": "No"})
