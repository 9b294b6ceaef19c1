from __future__ import annotations

import shutil

import pytest

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.artifact import ArtifactError
from mlcore.models import ModelVersion, Origin


def test_a_model_is_registered_with_what_reads_its_records_later(make_folder, bundled, carol):
    version = services.register(folder=make_folder("spring"), by=carol)
    assert version.version == f"spring-{version.sha256[:8]}"
    assert version.registered_by == carol
    version.refresh_from_db()
    assert version.card == dict(bundled.card) | {"name": "spring"}
    assert registry.schema_of(version) == bundled.schema
    assert version.title("fr") == "Attrition RH IBM"


def test_registering_again_gives_the_same_model(make_folder, carol, alice):
    folder = make_folder("spring")
    first = services.register(folder=folder, by=carol)
    assert services.register(folder=folder, by=alice) == first
    version = ModelVersion.objects.get()
    assert version.registered_by == carol


def test_the_same_model_elsewhere_is_the_same_model(make_folder, tmp_path, db):
    folder = make_folder("spring")
    first = services.register(files=artifact.read(folder), origin=Origin.BUNDLED)
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert services.register(files=artifact.read(copy), origin=Origin.BUNDLED).folder == str(folder)

    shutil.rmtree(folder)
    again = services.register(files=artifact.read(copy), origin=Origin.BUNDLED)
    assert (again, again.folder) == (first, str(copy))
    services.activate(version=again, reason="found again")
    assert registry.active().id == first.id


def test_another_model_is_another_version(make_model):
    assert make_model("spring") != make_model("summer")
    assert ModelVersion.objects.count() == 2


@pytest.mark.parametrize("name", ["model.json", "schema.json", "card.json", "manifest.json"])
def test_an_altered_model_is_not_registered(make_folder, alter, db, name):
    folder = make_folder("spring")
    alter(folder, name)
    with pytest.raises(ArtifactError):
        services.register(files=artifact.read(folder), origin=Origin.BUNDLED)
    assert not ModelVersion.objects.exists()


def test_the_bundled_model_moves_with_the_code(db):
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    assert version.folder == "bundled"
    assert registry.folder_path(version.folder) == registry.BUNDLED_FOLDER


def test_a_schema_is_read_from_the_database_once(make_model, django_assert_num_queries, bundled):
    pk = make_model("read-once").pk
    for queries in (1, 0):
        version = ModelVersion.objects.defer("schema").get(pk=pk)
        with django_assert_num_queries(queries):
            assert registry.schema_of(version) == bundled.schema


def test_a_record_stays_readable_when_the_models_folder_is_gone(make_model, bundled, tmp_path):
    version = make_model("spring")
    shutil.rmtree(tmp_path / "spring")
    assert registry.schema_of(version) == bundled.schema
