"""GET health: whether the service can do its work, for whoever asks, in no time."""

from __future__ import annotations

import threading
import time

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from attrition_site import health
from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import ModelFiles, ModelVersion, Origin
from tests.api.conftest import Api

ADDRESS = "/api/v1/health"


@pytest.mark.parametrize("address", ["/health", ADDRESS])
def test_all_is_well(active_model, address):
    response = Api().get(address)
    assert response.json() == {
        "status": "healthy",
        "model_loaded": True,
        "database_connected": True,
        "version": settings.VERSION,
    }
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies


def test_no_token_is_asked_for_and_none_is_read(active_model):
    Api().get(ADDRESS, headers={"Authorization": "Bearer junk"})


def test_a_head_is_enough(client, active_model):
    response = client.head(ADDRESS)
    assert response.status_code == 200
    assert response.content == b""


def test_without_a_model(db):
    response = Api().get(ADDRESS, expect=503)
    assert response["Cache-Control"] == "no-store"
    assert response.json() == {
        "status": "unhealthy",
        "model_loaded": False,
        "database_connected": True,
        "version": settings.VERSION,
    }


def test_with_an_altered_model(active_model):
    ModelVersion.objects.update(sha256="0" * 64)
    registry.forget()
    assert Api().get(ADDRESS, expect=503).json()["model_loaded"] is False


def test_with_altered_files_until_they_are_whole_again(active_model):
    files = artifact.read(registry.BUNDLED_FOLDER)
    altered = files | {"card.json": files["card.json"] + b" "}
    ModelFiles.objects.update(content=artifact.pack(altered))
    Api().get(ADDRESS)  # what this process has loaded already is what was recorded
    registry.forget()
    assert Api().get(ADDRESS, expect=503).json()["model_loaded"] is False
    services.register(files=files, origin=Origin.BUNDLED)
    Api().get(ADDRESS)


def test_without_a_database(active_model, monkeypatch):
    def refused(*args):
        raise OperationalError("connection refused")

    monkeypatch.setattr(CursorWrapper, "execute", refused)
    answer = Api().get(ADDRESS, expect=503).json()
    monkeypatch.undo()  # the test's own end asks the database too
    assert answer["status"] == "unhealthy"
    assert answer["database_connected"] is False
    assert answer["model_loaded"] is True


def test_a_database_that_hangs(active_model, monkeypatch):
    """It is given up in time, and those who ask meanwhile do not pile up behind it."""
    woken = threading.Event()
    asked = []

    def hang(*args):
        asked.append(args)
        woken.wait(30)

    monkeypatch.setattr(CursorWrapper, "execute", hang)
    try:
        for _ in range(2):
            start = time.monotonic()
            assert Api().get(ADDRESS, expect=503).json()["database_connected"] is False
            assert time.monotonic() - start < 2
        assert len(asked) == 1
    finally:
        woken.set()
        while health._probe._asking.locked():
            time.sleep(0.01)
    monkeypatch.undo()
    Api().get(ADDRESS)
