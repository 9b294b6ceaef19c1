from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from mlcore.trainings import drafts as training_drafts
from tests.training.histories import as_csv, history


@pytest.fixture
def draft(carol):
    """A draft of a training on a small history, as carol brought it."""
    return make_draft(carol)


def make_draft(person, rows=None, name="histoire 2026.csv"):
    content = as_csv(history() if rows is None else rows)
    return training_drafts.begin(content=content, name=name, by=person)


def upload(content, name="history.csv"):
    return SimpleUploadedFile(name, content, content_type="text/csv")
