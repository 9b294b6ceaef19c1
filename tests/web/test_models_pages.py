"""The registry's pages: who may open them, what they say, and what is decided on them."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.tabular import Table
from mlcore.models import Activation, ActivationProposal, Basis, ModelFiles, ModelVersion, Origin
from mlcore.public_data import ibm_columns
from mlcore.trainings import files as training_files
from tests.accounts.factories import make_person
from tests.web.model_cards import full_files, full_model

REGISTRY = "/models/"


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def bundled(active_model):
    return ModelVersion.objects.get()


@pytest.fixture
def challenger(active_model):
    """A second model, with everything that a card may hold."""
    files = full_files(active_model.artifact)
    return services.register(files=files, origin=Origin.TRAINED)


@pytest.fixture
def frank(db):
    return make_person("administrator", username="frank")


def shown(action, **more):
    """An answer to the proposal that waits, as its form sends it."""
    proposal = ActivationProposal.objects.get(state="open")
    decision = proposal.model_version.operating_decisions.first()
    seen = {"proposal": proposal.pk, "decision": decision.pk if decision else 0}
    return {"action": action, **seen, **more}


def addresses(version):
    return {
        "export": f"/models/{version}/model.zip",
        "registry": REGISTRY,
        "card": f"/models/{version}/",
        "json": f"/models/{version}/card.json",
        "point": f"/models/{version}/operating-point/",
        "compare": "/models/compare/",
        "activate": f"/models/{version}/activate/",
        "import": "/models/import/",
        "roll-back": "/models/roll-back/",
    }


# ------------------------------------------------------------------ who may


READERS = {"alice", "bob", "carol"}


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "dave", "erin"])
@pytest.mark.parametrize("page", ["registry", "card", "json", "point", "compare"])
def test_who_may_read(client, request, challenger, person, page):
    client.force_login(request.getfixturevalue(person))
    address = addresses(challenger)[page]
    expected = 200 if person in READERS else 403
    assert client.get(address).status_code == expected
    assert client.head(address).status_code == expected
    assert client.put(address).status_code == (405 if person in READERS else 403)


@pytest.mark.parametrize("person", ["alice", "bob", "dave", "erin"])
@pytest.mark.parametrize("page", ["activate", "import", "roll-back", "point", "export"])
def test_only_an_administrator_decides(client, request, challenger, person, page):
    client.force_login(request.getfixturevalue(person))
    address = addresses(challenger)[page]
    answer = client.post(address, {"action": "propose", "reason": "x", "basis": "cost"})
    assert answer.status_code == 403
    if page in ("activate", "import", "export"):
        assert client.get(address).status_code == 403
    assert Activation.objects.count() == 1
    assert not ActivationProposal.objects.exists()


def test_an_analyst_and_an_auditor_find_no_button_that_is_not_theirs(
    client, alice, bob, challenger
):
    for person in (alice, bob):
        client.force_login(person)
        for page in ("registry", "card", "compare"):
            source = client.get(addresses(challenger)[page]).text
            assert "/activate/" not in source
            assert "model.zip" not in source
            assert "roll-back" not in source
            assert "/models/training/" not in source


@pytest.mark.parametrize(("person", "sees"), [("alice", True), ("bob", True), ("carol", True)])
def test_the_navigation_leads_to_the_models(client, request, bundled, person, sees):
    client.force_login(request.getfixturevalue(person))
    assert ('href="/models/"' in client.get("/").text) is sees


def test_a_program_finds_no_models_in_the_navigation(client, dave, bundled):
    client.force_login(dave)
    assert 'href="/models/"' not in client.get("/").text


def test_a_form_from_another_site_is_refused(carol, challenger):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(carol)
    answer = client.post(addresses(challenger)["activate"], {"action": "propose", "reason": "x"})
    assert answer.status_code == 403


# ------------------------------------------------------------------ the registry


def test_the_active_model_stands_first_with_why(as_alice, bundled, challenger):
    page = text_of(as_alice.get(REGISTRY))
    assert page.index("It has assessed employees since") < page.index("2 models")
    assert "for the test" in page
    assert "Never used" in page
    assert "1,470" in page
    assert challenger.sha256[:12] in page


def test_the_registry_without_any_model(as_carol):
    page = text_of(as_carol.get(REGISTRY))
    assert "No model is active" in page
    assert "will be listed here" in page


def test_the_queries_do_not_grow(as_alice, bundled, challenger, carol):
    def count():
        with CaptureQueriesContext(connection) as queries:
            assert as_alice.get(REGISTRY).status_code == 200
        return len(queries)

    before = count()
    for number in range(5):
        copy = ModelVersion.objects.create(
            version=f"v-{number:08}",
            sha256=f"{number:064}",
            schema={},
            card={},
            registered_by=carol,
        )
        Activation.objects.create(
            model_version=copy,
            reason="x",
            is_current=False,
            activated_by=carol,
            activated_at=datetime(2020, 1, 1 + number, tzinfo=UTC),
        )
        ActivationProposal.objects.create(model_version=copy, reason="x", proposed_by=carol)
    assert count() == before
    assert before <= 10


def test_a_question_by_date_is_answered_in_words(as_alice, bundled, challenger):
    first = Activation.objects.get()
    Activation.objects.update(activated_at=datetime(2026, 3, 10, 9, 30, tzinfo=UTC))
    services.activate(version=challenger, reason="better")
    Activation.objects.exclude(pk=first.pk).update(
        activated_at=datetime(2026, 5, 4, 14, 5, tzinfo=UTC)
    )

    def answer(day):
        return text_of(as_alice.get(f"{REGISTRY}?on={day}"))

    assert "On 9 March 2026, no model was active yet." in answer("2026-03-09")
    assert f"From 09:30 on, it was {bundled} ." in answer("2026-03-10")
    assert f"On 1 April 2026, {bundled} was active all day." in answer("2026-04-01")
    assert f"When 4 May 2026 began, {bundled} was active." in answer("2026-05-04")
    assert f"From 14:05 on, it was {challenger} ." in answer("2026-05-04")
    assert "is still to come" in answer("2090-01-01")
    assert "of the time zone UTC" in answer("2026-05-04")
    services.activate(version=bundled, reason="no")
    Activation.objects.filter(is_current=True).update(
        activated_at=datetime(2026, 5, 4, 14, 5, 30, tzinfo=UTC)
    )
    told = answer("2026-05-04")
    assert f"From 14:05:00 on, it was {challenger} . From 14:05:30 on, it was {bundled} ." in told


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "", "0000-01-01", "9999-12-31"])
def test_a_date_that_is_none_is_kept_and_explained(as_alice, bundled, day):
    answer = as_alice.get(REGISTRY, {"on": day})
    assert answer.status_code == 200


def test_the_registry_in_french(as_alice, bundled, challenger):
    page = text_of(as_alice.get(REGISTRY, headers={"Accept-Language": "fr"}))
    assert "Attrition RH IBM" in page
    assert "Il estime les risques depuis le" in page
    assert "Jamais utilisé" in page


# ------------------------------------------------------------------ activation


def test_alone_an_administrator_activates_at_once(as_carol, challenger):
    answer = as_carol.post(
        f"/models/{challenger}/activate/", {"action": "propose", "reason": "Our own data"}
    )
    assert answer.status_code == 302
    page = text_of(as_carol.get(answer.url))
    assert f"{challenger} is active now." in page
    assert registry.active().version == challenger.version
    assert Activation.objects.get(is_current=True).reason == "Our own data"


def test_of_two_one_proposes_and_the_other_approves(client, carol, frank, challenger):
    address = f"/models/{challenger}/activate/"
    client.force_login(carol)
    page = text_of(client.get(address))
    assert "Another administrator has to approve it" in page
    client.post(address, {"action": "propose", "reason": "Better on 2026"})
    assert registry.active().version != challenger.version
    page = text_of(client.get(address))
    assert "Withdraw the proposal" in page
    assert "Approve" not in page
    # Carol's own approval is refused, and nothing changes.
    refused = client.post(address, shown("approve"))
    assert refused.status_code == 200
    assert "someone else must approve it" in text_of(refused)

    client.force_login(frank)
    assert f"{challenger} is proposed" in text_of(client.get(REGISTRY))
    page = text_of(client.get(address))
    assert "Better on 2026" in page
    assert client.post(address, shown("approve", note="")).status_code == 302
    activation = Activation.objects.get(is_current=True)
    assert (activation.activated_by, activation.approved_by) == (carol, frank)
    assert "Approved by" in text_of(client.get(REGISTRY))


def test_declining_asks_why_and_keeps_what_was_typed(client, carol, frank, challenger):
    services.propose_activation(version=challenger, reason="Better", by=carol)
    client.force_login(frank)
    address = f"/models/{challenger}/activate/"
    answer = shown("decline", note="  ")
    refused = client.post(address, answer)
    assert refused.status_code == 200
    assert "Say why" in text_of(refused)
    assert client.post(address, answer | {"note": "Too few leavers"}).status_code == 302
    proposal = ActivationProposal.objects.get()
    assert (proposal.state, proposal.note) == ("declined", "Too few leavers")
    # A second click finds it closed.
    late = client.post(address, answer | {"action": "approve"})
    assert late.status_code == 200
    assert "closed already" in text_of(late)


def test_a_proposal_is_withdrawn(client, carol, frank, challenger):
    services.propose_activation(version=challenger, reason="Better", by=carol)
    client.force_login(carol)
    client.post(f"/models/{challenger}/activate/", shown("withdraw"))
    assert ActivationProposal.objects.get().state == "withdrawn"


def hidden(page, name):
    """The value of a hidden field."""
    return re.search(f'name="{name}" value="([^"]*)"', page.content.decode())[1]


def test_what_is_approved_is_what_was_shown(client, carol, frank, challenger):
    first = services.propose_activation(version=challenger, reason="Better", by=carol)
    client.force_login(frank)
    address = f"/models/{challenger}/activate/"
    page = client.get(address, headers={"Accept-Language": "fr"})
    seen = {"proposal": hidden(page, "proposal"), "decision": hidden(page, "decision")}
    assert seen == {"proposal": str(first.pk), "decision": "0"}

    # Withdrawn, and proposed again for another reason.
    services.withdraw(proposal=first, by=carol)
    second = services.propose_activation(version=challenger, reason="Cheaper", by=carol)
    late = client.post(address, {"action": "approve", **seen})
    assert "closed already" in text_of(late)
    assert "Cheaper" in text_of(late)

    # Its list begins elsewhere now.
    services.decide_operating_point(
        version=challenger,
        point=OperatingPoint((0.1, 0.2, 0.3)),
        basis=Basis.COST,
        basis_value=4.0,
        reason="x",
        by=carol,
        workforce=None,
    )
    late = client.post(address, {"action": "approve", "proposal": second.pk, "decision": 0})
    assert "has changed meanwhile" in text_of(late)
    assert registry.active().version != challenger.version
    assert client.post(address, shown("approve")).status_code == 302
    assert registry.active().version == challenger.version


@pytest.mark.parametrize("given", ["", "0", "x", "\0", "9" * 30, "-1", "1.5", "²"])
@pytest.mark.parametrize("field", ["proposal", "decision"])
def test_an_answer_to_nothing_is_refused(client, carol, frank, challenger, given, field):
    services.propose_activation(version=challenger, reason="Better", by=carol)
    services.decide_operating_point(
        version=challenger,
        point=OperatingPoint((0.1, 0.2, 0.3)),
        basis=Basis.COST,
        basis_value=4.0,
        reason="x",
        by=carol,
        workforce=None,
    )
    client.force_login(frank)
    answer = shown("approve") | {field: given}
    late = client.post(f"/models/{challenger}/activate/", answer)
    assert late.status_code == 200
    assert "has changed meanwhile" in text_of(late)
    assert Activation.objects.count() == 1


def test_without_a_reason_nothing_is_activated(as_carol, challenger):
    answer = as_carol.post(f"/models/{challenger}/activate/", {"action": "propose", "reason": " "})
    assert answer.status_code == 200
    assert "Say why: the reason stays on record." in text_of(answer)
    assert Activation.objects.count() == 1


def test_the_activation_says_what_the_form_will_ask(as_carol, active_model):
    """A model with one input less: what is no longer asked is named."""
    full = full_model(active_model.artifact)
    *features, gone = full.schema.features
    smaller = replace(
        full,
        schema=replace(full.schema, features=tuple(features)),
        model=replace(full.model, shapes={f.name: full.model.shapes[f.name] for f in features}),
    )
    version = services.register(files=artifact.files_of(smaller), origin=Origin.TRAINED)
    page = text_of(as_carol.get(f"/models/{version}/activate/"))
    assert f"1 field is no longer asked {gone.label['en']}" in page
    compared = text_of(as_carol.get(f"/models/compare/?challenger={version}"))
    assert gone.label["en"] in compared


def test_a_damaged_model_says_so_everywhere_and_stays_idle(as_carol, challenger):
    content = bytes(ModelFiles.objects.get(model_version=challenger).content)
    files = artifact.unpack(content)
    files["model.json"] = files["model.json"].replace(b"1", b"2", 1)
    ModelFiles.objects.filter(model_version=challenger).update(content=artifact.pack(files))
    warning = "The files of this model are not what was recorded"
    page = text_of(as_carol.get(f"/models/{challenger}/"))
    assert warning in page
    assert "On employees that it had not seen" in page  # the card is kept apart
    address = f"/models/{challenger}/activate/"
    assert warning in text_of(as_carol.get(address))
    assert as_carol.post(address, {"action": "propose", "reason": "x"}).status_code == 200
    assert Activation.objects.count() == 1


# ------------------------------------------------------------------ rolling back


def test_rolling_back_is_one_click_and_a_second_one_leads_nowhere(as_carol, bundled, challenger):
    services.activate(version=challenger, reason="better")
    page = as_carol.get(REGISTRY)
    assert f"Roll back to {bundled}" in text_of(page)
    data = {"leaving": challenger.version, "reason": "Complaints"}
    answer = as_carol.post("/models/roll-back/", data, follow=True)
    assert f"Rolled back: {bundled} is active again." in text_of(answer)
    assert registry.active().version == bundled.version
    again = as_carol.post("/models/roll-back/", data, follow=True)
    assert "is not active any more" in text_of(again)
    assert registry.active().version == bundled.version
    assert as_carol.get("/models/roll-back/").status_code == 405


def test_without_a_model_before_there_is_nothing_to_roll_back_to(as_carol, bundled):
    assert "Roll back" not in text_of(as_carol.get(REGISTRY))
    answer = as_carol.post("/models/roll-back/", {"leaving": bundled.version}, follow=True)
    assert "there is none to return to" in text_of(answer)


@pytest.mark.parametrize("leaving", [None, "", "unknown-00000000", "a\0b"])
def test_a_rollback_from_nothing_is_refused_in_words(as_carol, bundled, challenger, leaving):
    services.activate(version=challenger, reason="better")
    data = {} if leaving is None else {"leaving": leaving}
    answer = as_carol.post("/models/roll-back/", data, follow=True)
    assert answer.status_code == 200
    assert "roll back from there" in text_of(answer)
    assert registry.active().version == challenger.version


@pytest.mark.parametrize(
    ("reason", "why"),
    [("a\0b", "Null characters are not allowed"), ("x" * 2001, "Shorten the reason")],
    ids=["null", "long"],
)
def test_a_reason_that_cannot_be_kept_is_refused(as_carol, bundled, challenger, reason, why):
    services.activate(version=challenger, reason="better")
    data = {"leaving": challenger.version, "reason": reason}
    answer = as_carol.post("/models/roll-back/", data, follow=True)
    assert why in text_of(answer)
    assert registry.active().version == challenger.version


def test_what_one_went_back_from_is_not_offered(as_carol, bundled, challenger):
    services.activate(version=challenger, reason="better")
    as_carol.post("/models/roll-back/", {"leaving": challenger.version})
    assert "Roll back to" not in text_of(as_carol.get(REGISTRY))
    assert f"/models/{challenger}/activate/" in as_carol.get(REGISTRY).text


# ------------------------------------------------------------------ import


def test_a_model_is_imported_and_stays_idle(as_carol, active_model):
    archive = artifact.pack(full_files(active_model.artifact))
    file = SimpleUploadedFile("model.zip", archive, "application/zip")
    answer = as_carol.post("/models/import/", {"file": file})
    assert answer.status_code == 302
    version = ModelVersion.objects.get(origin=Origin.IMPORTED)
    assert answer.url == f"/models/{version}/"
    assert "It stays idle until someone activates it" in text_of(as_carol.get(answer.url))
    assert registry.active().version != version.version


def test_a_model_travels_from_one_installation_to_another(as_carol, bundled, challenger):
    assert f"/models/{challenger}/model.zip" in as_carol.get(REGISTRY).text
    assert f"/models/{challenger}/model.zip" in as_carol.get(f"/models/{challenger}/").text
    answer = as_carol.get(f"/models/{challenger}/model.zip")
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == f'attachment; filename="{challenger}.zip"'
    ModelFiles.objects.filter(model_version=challenger).delete()
    ModelVersion.objects.filter(pk=challenger.pk).delete()
    file = SimpleUploadedFile("model.zip", answer.content, "application/zip")
    assert as_carol.post("/models/import/", {"file": file}).status_code == 302
    there = ModelVersion.objects.get(origin=Origin.IMPORTED)
    assert (there.version, there.sha256) == (challenger.version, challenger.sha256)


def test_a_damaged_model_does_not_travel(as_carol, challenger):
    ModelFiles.objects.filter(model_version=challenger).update(content=b"PK")
    answer = as_carol.get(f"/models/{challenger}/model.zip", follow=True)
    assert "cannot be downloaded" in text_of(answer)
    assert "model.zip" not in as_carol.get(f"/models/{challenger}/").text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "is no ZIP archive that can be read"), ("fr", "n’est pas une archive ZIP lisible")],
)
def test_a_refusal_is_told_in_the_language_of_the_reader(as_carol, bundled, language, words):
    answer = as_carol.post(
        "/models/import/",
        {"file": SimpleUploadedFile("model.zip", b"not a zip")},
        headers={"Accept-Language": language},
    )
    assert words in text_of(answer)
    # What happened in detail stands below, for who is asked for help.
    assert "File is not a zip file" in answer.text


def test_a_body_that_is_too_large_is_not_read(as_carol, bundled):
    body = b"x" * (artifact.LARGEST_ARCHIVE + 100_000)
    answer = as_carol.post(
        "/models/import/", body, content_type="multipart/form-data; boundary=none"
    )
    assert answer.status_code == 413
    assert "at most 16 MB are read" in text_of(answer)


def test_an_archive_as_large_as_the_reader_takes_is_looked_at(as_carol, bundled):
    content = b"PK" + bytes(artifact.LARGEST_ARCHIVE - 2)
    answer = as_carol.post("/models/import/", {"file": SimpleUploadedFile("m.zip", content)})
    assert answer.status_code == 200
    assert "no ZIP archive" in text_of(answer)


def test_nobody_else_has_a_body_read(client, alice, carol, bundled):
    """The permission is looked at before the token, which stands in the body."""
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    read = []

    class Body(io.BytesIO):
        def read(self, *size):
            read.append(size)
            return super().read(*size)

    answer = strict.generic(
        "POST",
        "/models/import/",
        content_type="multipart/form-data; boundary=x",
        **{"wsgi.input": Body(b"x" * 1000), "CONTENT_LENGTH": "1000"},
    )
    assert answer.status_code == 403
    assert read == []
    strict.force_login(carol)
    assert strict.post("/models/import/", {"file": io.BytesIO(b"x")}).status_code == 403


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 60])
def test_what_is_no_model_is_refused_in_words(as_carol, bundled, content):
    answer = as_carol.post("/models/import/", {"file": io.BytesIO(content)})
    assert answer.status_code == 200
    assert "Nothing was imported" in text_of(answer)
    assert ModelVersion.objects.count() == 1


def test_no_file_at_all(as_carol, bundled):
    assert "Choose a file." in text_of(as_carol.post("/models/import/"))


def test_a_card_that_lacks_figures_is_shown_without_them(as_carol, active_model):
    """Of the releases before, whose cards nobody looked through."""
    card = dict(active_model.artifact.card)
    odd = {"duplicates": {"a": 1}, "set_aside": {"no_answer": 1}, "pairs_tried": "many"}
    files = artifact.files_of(replace(active_model.artifact, card=card | odd))
    version = services.register(files=files, origin=Origin.TRAINED)
    answer = as_carol.get(f"/models/{version}/")
    assert answer.status_code == 200
    assert "1 without an answer, – that could not be read" in text_of(answer)


# ------------------------------------------------------------------ comparing


def test_two_models_side_by_side(as_alice, bundled, challenger):
    page = text_of(as_alice.get(f"/models/compare/?champion={bundled}&challenger={challenger}"))
    assert "each measured on its own data" in page
    assert "A figure that is better here may come from easier data" in page
    assert "0.857 (0.837 to 0.877)" in page


@pytest.mark.parametrize("wanted", ["nothing-00000000", "{champion}"])
def test_what_cannot_be_compared_is_explained(as_alice, bundled, challenger, wanted):
    other = wanted.format(champion=bundled)
    answer = as_alice.get(f"/models/compare/?champion={bundled}&challenger={other}")
    assert answer.status_code == 200
    assert "These two cannot be compared" in text_of(answer)


def test_with_one_model_there_is_nothing_to_compare(as_alice, bundled):
    assert "There is only one model so far." in text_of(as_alice.get("/models/compare/"))


def test_an_unknown_version_is_not_found(as_carol, bundled):
    for name in ("card", "json", "point", "activate"):
        assert as_carol.get(addresses("unknown-00000000")[name]).status_code == 404


@pytest.mark.parametrize("odd", ["%00", "a%00b", "IBM", "a b", "%F0%9F%98%80", "x" * 65, "é"])
def test_an_odd_version_is_not_found(as_carol, bundled, odd):
    for tail in ("", "card.json", "operating-point/", "activate/", "model.zip"):
        assert as_carol.get(f"/models/{odd}/{tail}").status_code == 404


def test_the_pages_are_not_kept_longer_than_they_are_true(as_carol, challenger):
    for name in ("activate", "point", "compare"):
        assert "no-cache" in as_carol.get(addresses(challenger)[name])["Cache-Control"]


@pytest.fixture
def training_file(carol):
    """The first 400 rows of the public file, kept as a training keeps it."""
    columns = {header: cells[:400] for header, cells in ibm_columns().items()}
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    table = Table(list(columns), rows)
    return training_files.keep(table=table, content=b"x", name="exits-2026.csv", by=carol)


def test_both_are_compared_on_the_same_employees(as_carol, bundled, challenger, training_file):
    address = f"/models/compare/?champion={bundled}&challenger={challenger}"
    assert "exits-2026.csv" in as_carol.get(address).text
    page = text_of(as_carol.get(f"{address}&file={training_file.pk}"))
    assert "On these employees, " in page
    assert "400 employees that both models accept" in page
    assert "The challenger is" in page


def test_without_the_file_their_cards_are_still_compared(
    as_carol, bundled, challenger, training_file
):
    address = f"/models/compare/?champion={bundled}&challenger={challenger}&file={training_file.pk}"
    training_files.erase(training_file)
    answer = as_carol.get(address)
    assert answer.status_code == 200
    assert "exits-2026.csv" not in answer.text


def test_files_of_employees_are_not_named_to_readers(as_alice, bundled, challenger, training_file):
    address = f"/models/compare/?champion={bundled}&challenger={challenger}&file={training_file.pk}"
    answer = as_alice.get(address)
    assert answer.status_code == 200
    assert "exits-2026.csv" not in answer.text
    assert "On these employees" not in text_of(answer)
