"""Models are looked up in the admin: which there are, how they were made, when they were active."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from mlcore import services
from mlcore.admin import card_entries
from mlcore.engine.operating import OperatingPoint
from mlcore.models import (
    Activation,
    ActivationProposal,
    Basis,
    ModelVersion,
    OperatingDecision,
)
from tests.audit.reading import words

VERSIONS = "/admin/mlcore/modelversion/"
ACTIVATIONS = "/admin/mlcore/activation/"
PROPOSALS = "/admin/mlcore/activationproposal/"
DECISIONS = "/admin/mlcore/operatingdecision/"


@pytest.fixture
def version(active_model):
    return ModelVersion.objects.get()


def test_the_list_says_which_one_is_active(as_bob, second_model):
    result = as_bob.get(VERSIONS).context["cl"].result_list
    assert [bool(row.is_active) for row in result] == [row.pk != second_model.id for row in result]
    assert len(result) == 2


def test_a_model_s_page_reads_its_card_aloud(as_bob, version):
    text = words(as_bob.get(f"{VERSIONS}{version.pk}/change/").text)
    assert "IBM HR attrition" in text
    assert version.sha256 in text
    assert "People it learned from 1,470" in text
    assert f"ROC AUC {version.card['evaluation']['metrics']['roc_auc']['mean']:.4g} (" in text
    assert "Inputs Works overtime, Business travel, Distance from home to work" in text
    assert "EmployeeNumber Identifies a person, tells nothing about them." in text
    assert "for the test" in text


def test_a_model_s_page_leads_to_its_predictions(as_bob, version):
    text = as_bob.get(f"{VERSIONS}{version.pk}/change/").text
    address = f"/admin/predictions/prediction/?model={version.pk}"
    assert f'<a href="{address}">Those that it made</a>' in text
    assert as_bob.get(address).status_code == 200


def test_the_card_in_french(as_bob, version):
    answer = as_bob.get(f"{VERSIONS}{version.pk}/change/", headers={"Accept-Language": "fr"})
    text = words(answer.text)
    assert "Attrition RH IBM" in text
    assert "Identifie une personne, n’apprend rien d’elle." in text


def test_a_card_of_any_shape_can_be_shown():
    card = {
        "fairness": [{"group": {"en": "Women", "fr": "Femmes"}, "rate": 0.25}],
        "notes": ["a", "b"],
        "empty": {},
        "none": None,
        "yes": True,
        "tiny": 8e-13,
        "TotalWorkingYears": 3,
    }
    with translation.override("en"):
        entries = list(card_entries(card, "en", {"a": "Age"}))
    assert [(entry.label, entry.text) for entry in entries] == [
        ("Fairness", ""),
        ("Notes", "Age, b"),
        ("Empty", ""),
        ("None", "–"),
        ("Yes", "Yes"),
        ("Tiny", "8e-13"),
        ("TotalWorkingYears", "3"),
    ]
    [first] = entries[0].entries
    assert [(entry.label, entry.text) for entry in first.entries] == [
        ("Group", "Women"),
        ("Rate", "0.25"),
    ]


@pytest.fixture
def proposal(version, carol):
    return ActivationProposal.objects.create(
        model_version=version, reason="better on our own people", proposed_by=carol
    )


@pytest.fixture
def decision(version, carol):
    return services.decide_operating_point(
        version=version,
        point=OperatingPoint((0.1, 0.25, 0.5)),
        basis=Basis.COST,
        basis_value=3,
        reason="three conversations for one leaver",
        by=carol,
    )


@pytest.mark.parametrize("path", [PROPOSALS, DECISIONS])
def test_what_was_decided_can_be_read_in_full(as_bob, proposal, decision, path):
    row = proposal if path == PROPOSALS else decision
    for address in (path, f"{path}{row.pk}/change/"):
        text = words(as_bob.get(address).text)
        assert row.model_version.version in text
        assert row.reason in text
        assert "Carol" in text


@pytest.mark.parametrize("path", [ACTIVATIONS, PROPOSALS, DECISIONS])
def test_what_was_decided_is_no_analyst_s_to_look_up(client, alice, proposal, decision, path):
    client.force_login(alice)
    assert client.get(path).status_code != 200


def test_activations_are_found_by_date(as_bob, version, carol):
    today = as_bob.get(ACTIVATIONS, {"activated_at__gte": "2000-01-01 00:00:00+00:00"})
    assert len(today.context["cl"].result_list) == 1
    assert "Any date" in words(today.text)


def test_an_activation_says_when_by_whom_and_why(as_bob, version, carol):
    activation = Activation.objects.get()
    Activation.objects.update(activated_by=carol)
    text = words(as_bob.get(f"{ACTIVATIONS}{activation.pk}/change/").text)
    assert version.version in text
    assert "for the test" in text
    assert "Carol" in text


@pytest.mark.parametrize("person", ["bob", "carol", "root"])
@pytest.mark.parametrize("path", [VERSIONS, ACTIVATIONS, PROPOSALS, DECISIONS])
def test_nothing_is_added_changed_or_deleted(
    client, request, version, proposal, decision, person, path
):
    def everything():
        kept = (ModelVersion, Activation, ActivationProposal, OperatingDecision)
        return [list(model.objects.values()) for model in kept]

    client.force_login(request.getfixturevalue(person))
    activation = Activation.objects.get()
    rows = {VERSIONS: version, ACTIVATIONS: activation, PROPOSALS: proposal, DECISIONS: decision}
    pk = rows[path].pk
    before = everything()
    for page in ("add/", f"{pk}/delete/"):
        assert client.get(f"{path}{page}").status_code == 403
        assert client.post(f"{path}{page}", {"post": "yes", "reason": "x"}).status_code == 403
    assert client.post(f"{path}{pk}/change/", {"reason": "x"}).status_code == 403
    client.post(path, {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    assert everything() == before


@pytest.mark.parametrize(("path", "queries"), [(VERSIONS, 4), (ACTIVATIONS, 6)])
def test_the_lists_queries_do_not_grow(as_bob, version, carol, path, queries, capture_queries):
    assert len(capture_queries(as_bob, path)) == queries
    for number in range(5):
        copy = ModelVersion.objects.create(
            version=f"v{number}",
            sha256=f"{number:064}",
            origin="trained",
            schema={},
            card={},
            registered_by=carol,
        )
        Activation.objects.create(
            model_version=copy,
            reason="x",
            is_current=False,
            activated_by=carol,
            activated_at=Activation.objects.latest("activated_at").activated_at
            + timedelta(seconds=1),
        )
    assert len(capture_queries(as_bob, path)) == queries
    assert not [sql for sql in capture_queries(as_bob, path) if '"schema"' in sql]


def test_a_model_s_page_takes_five_queries(as_bob, version, capture_queries):
    # The session, the person, the model, its schema, and its activations.
    address = f"{VERSIONS}{version.pk}/change/"
    as_bob.get(address)  # a process learns its content types once
    assert len(capture_queries(as_bob, address)) == 5
