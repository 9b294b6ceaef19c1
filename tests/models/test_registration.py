from __future__ import annotations

import pytest

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.artifact import ArtifactError
from mlcore.models import ModelVersion, Origin


def register(folder, by=None):
    return services.register(files=artifact.read(folder), origin=Origin.TRAINED, by=by)


def test_a_model_is_registered_with_what_reads_its_records_later(make_folder, bundled, carol):
    version = register(make_folder("spring"), by=carol)
    assert version.version == f"spring-{version.sha256[:8]}"
    assert (version.registered_by, version.origin) == (carol, "trained")
    version.refresh_from_db()
    assert version.card == dict(bundled.card) | {"name": "spring"}
    assert registry.schema_of(version) == bundled.schema
    assert version.title("fr") == "Attrition RH IBM"


def test_the_files_are_kept_byte_by_byte(make_folder, db):
    folder = make_folder("spring")
    version = register(folder)
    assert artifact.unpack(bytes(version.files.content)) == artifact.read(folder)
    assert registry.load(version.pk, version.sha256) == artifact.load(folder)


def test_registering_again_gives_the_same_model(make_folder, carol, alice):
    folder = make_folder("spring")
    first = register(folder, by=carol)
    assert register(folder, by=alice) == first
    version = ModelVersion.objects.get()
    assert version.registered_by == carol


@pytest.mark.parametrize("harm", ["altered", "gone"])
def test_a_known_model_gets_its_files_back(make_folder, alter_kept, harm, db):
    folder = make_folder("spring")
    version = register(folder)
    if harm == "gone":
        version.files.delete()
    else:
        alter_kept(version)
    with pytest.raises(ArtifactError):
        registry.load(version.pk, version.sha256)
    assert register(folder) == version
    assert registry.load(version.pk, version.sha256).sha256 == version.sha256


def test_another_model_is_another_version(make_model):
    assert make_model("spring") != make_model("summer")
    assert ModelVersion.objects.count() == 2


@pytest.mark.parametrize("name", ["model.json", "schema.json", "card.json", "manifest.json"])
def test_an_altered_model_is_not_registered(make_folder, alter, db, name):
    folder = make_folder("spring")
    alter(folder, name)
    with pytest.raises(ArtifactError):
        register(folder)
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("missing", artifact.FILES)
def test_a_model_of_too_few_files_is_not_registered(make_folder, db, missing):
    files = artifact.read(make_folder("spring"))
    del files[missing]
    with pytest.raises(ArtifactError, match=missing):
        services.register(files=files, origin=Origin.TRAINED)
    assert not ModelVersion.objects.exists()


def test_a_schema_is_read_from_the_database_once(make_model, django_assert_num_queries, bundled):
    pk = make_model("read-once").pk
    for queries in (1, 0):
        version = ModelVersion.objects.defer("schema").get(pk=pk)
        with django_assert_num_queries(queries):
            assert registry.schema_of(version) == bundled.schema


def test_a_record_stays_readable_when_the_models_files_are_gone(make_model, bundled):
    version = make_model("spring")
    version.files.delete()
    assert registry.schema_of(version) == bundled.schema
