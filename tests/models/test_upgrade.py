"""A database of the release before is brought to this one: nothing that was recorded is lost."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from mlcore import append_only, registry
from mlcore.models import Activation, ModelVersion
from predictions.models import Prediction

BEFORE = [("mlcore", "0001_initial"), ("predictions", "0001_initial")]

# What the first models' schemas and cards looked like.
SCHEMA = {
    "sections": [{"name": "job", "label": {"en": "Job", "fr": "Poste"}}],
    "identifier_aliases": ["matricule"],
    "features": [
        {
            "name": "over_time",
            "kind": "choice",
            "column": "OverTime",
            "section": "job",
            "label": {"en": "Overtime", "fr": "Heures supplémentaires"},
            "choices": [
                {"value": "No", "label": {"en": "No", "fr": "Non"}},
                {"value": "Yes", "label": {"en": "Yes", "fr": "Oui"}},
            ],
        }
    ],
    "audit": [],
}
CARD = {"name": "ibm", "title": {"en": "IBM"}, "rows": 1470, "method": "additive"}


@pytest.fixture
def before(transactional_db, carol):
    """The tables as they were; gives their models. Ends with the tables of today."""
    for app, migration in BEFORE:
        call_command("migrate", app, migration, verbosity=0)
    yield MigrationExecutor(connection).loader.project_state(BEFORE).apps
    call_command("migrate", verbosity=0)


@pytest.fixture
def recorded(before, carol):
    """Two models, the bundled one active, and a prediction by it."""
    versions = before.get_model("mlcore", "ModelVersion").objects
    ours = versions.create(
        version="ibm-0a1b2c3d", sha256="a" * 64, folder="bundled", schema=SCHEMA, card=CARD
    )
    versions.create(
        version="own-11111111", sha256="b" * 64, folder="/srv/models/own", schema=SCHEMA, card={}
    )
    before.get_model("mlcore", "Activation").objects.create(model_version=ours, reason="At first.")
    before.get_model("predictions", "Prediction").objects.create(
        requested_by_id=carol.pk,
        source="form",
        employee_id="E-7",
        inputs={"over_time": "Yes"},
        model_version=ours,
        model_sha256=ours.sha256,
        probability=0.25,
        log_odds=-1.0986122886681098,
        intercept=-1.5986122886681098,
        contributions={"over_time": 0.5},
        base_rate=0.16,
        threshold=0.2,
        band="high",
    )


def test_what_was_recorded_is_kept_and_the_new_model_takes_over(recorded, client, carol):
    call_command("migrate", verbosity=0)
    origins = dict(ModelVersion.objects.values_list("version", "origin"))
    assert origins == {"ibm-0a1b2c3d": "bundled", "own-11111111": "imported"}

    call_command("register_bundled_model", verbosity=0)
    active = registry.active()
    assert active.version not in origins
    assert list(Activation.objects.values_list("model_version__version", "undoes")) == [
        (active.version, None),
        ("ibm-0a1b2c3d", None),
    ]

    old = Prediction.objects.get()
    assert (old.probability, old.floor) == (0.25, 0.0)
    client.force_login(carol)
    page = client.get(old.get_absolute_url())
    assert page.status_code == 200
    assert "Overtime" in page.text
    assert "E-7" in client.get("/predictions/").text
    for address in ("/models/", "/models/ibm-0a1b2c3d/", "/models/own-11111111/"):
        assert client.get(address).status_code == 200
    # The files of the model before are not kept: there is no way back to it.
    assert "Roll back" not in client.get("/models/").text


def test_records_are_guarded_again(recorded):
    call_command("migrate", verbosity=0)
    assert append_only.unguarded(connection) == []
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE predictions_prediction SET probability = 0.5")


def test_the_way_back_knows_the_bundled_model(recorded):
    call_command("migrate", verbosity=0)
    for app, migration in BEFORE:
        call_command("migrate", app, migration, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT version, folder FROM mlcore_modelversion ORDER BY version")
        assert cursor.fetchall() == [("ibm-0a1b2c3d", "bundled"), ("own-11111111", "")]
