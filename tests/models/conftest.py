from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import ModelFiles, Origin


@pytest.fixture(scope="session")
def bundled():
    return artifact.load(registry.BUNDLED_FOLDER)


@pytest.fixture(scope="session")
def files_called(bundled):
    """The files of a model that differs from the bundled one by its name."""

    @cache
    def files_called(name):
        return artifact.files_of(replace(bundled, card=dict(bundled.card) | {"name": name}))

    return files_called


@pytest.fixture
def make_folder(files_called, tmp_path):
    """Writes such a model: `make_folder("spring")`."""

    def make(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for file, content in files_called(name).items():
            (folder / file).write_bytes(content)
        return folder

    return make


@pytest.fixture
def make_model(db, files_called):
    """Registers such a model: `make_model("spring")`."""

    def make(name):
        return services.register(files=files_called(name), origin=Origin.TRAINED)

    return make


@pytest.fixture
def alter():
    """Changes one character of a file in a model's folder, leaving it valid JSON."""

    def alter(folder, name="model.json"):
        file = folder / name
        file.write_text(file.read_text().replace("1", "2", 1))

    return alter


@pytest.fixture
def alter_kept():
    """Changes one character of a file that the registry keeps, leaving it valid JSON."""

    def alter(version, name="model.json"):
        kept = ModelFiles.objects.get(model_version=version)
        files = artifact.unpack(bytes(kept.content))
        files[name] = files[name].replace(b"1", b"2", 1)
        ModelFiles.objects.filter(pk=version.pk).update(content=artifact.pack(files))

    return alter
