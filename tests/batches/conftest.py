"""Files of employees, as people bring them."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from mlcore import registry
from mlcore.engine.ingest import matching
from mlcore.engine.operating import OperatingPoint
from mlcore.models import Basis, ModelVersion
from mlcore.operating_decisions import decide_operating_point
from mlcore.public_data import ibm_file as public_file
from predictions.batches import files, jobs
from predictions.batches.first_rows import of as first_rows_of


@pytest.fixture(scope="session")
def ibm_file():
    """The public file as people download it: 35 columns, byte-order mark, scales as numbers."""
    return public_file()


@pytest.fixture
def bring(active_model):
    """Brings a file as a person does, its columns matched: `bring(alice, content)` is a draft.

    `grouped` names the headers that are kept as groups.
    """
    return bring_matched


@pytest.fixture
def assessed(bring):
    """A file assessed to its end, without any worker: `assessed(alice, content)`."""

    def make(person, content, **options):
        batch = bring(person, content, **options)
        assert jobs.begin(batch, record=True, by=person)
        work_to_the_end(batch)
        return batch

    return make


@pytest.fixture
def tried(bring):
    """A file tried to its end, nothing recorded: `tried(alice, content)`."""

    def make(person, content, **options):
        batch = bring(person, content, **options)
        assert jobs.begin(batch, record=False, by=person)
        work_to_the_end(batch)
        return batch

    return make


@pytest.fixture
def move_levels(carol):
    """Lets the levels of risk begin elsewhere from now on."""
    return lambda: decide(carol, (0.01, 0.02, 0.03))


def decide(person, bounds):
    """The active model's levels of risk begin there from now on."""
    decide_operating_point(
        version=ModelVersion.objects.get(pk=registry.active().id),
        point=OperatingPoint(bounds),
        basis=Basis.COST,
        basis_value=0.5,
        reason="for the test",
        by=person,
    )
    registry.forget()


def upload(content, name="employees.csv"):
    return SimpleUploadedFile(name, content)


def bring_matched(person, content, *, name="employees.csv", grouped=("Department",), **options):
    batch = files.bring(upload(content, name), by=person, **options)
    rows = [cells for _line, cells in first_rows_of(batch)]
    columns = matching.match(batch.headers, rows, registry.active().schema)
    batch.matched = {column.field: column.place for column in columns if column.field}
    batch.grouped = [
        column.place for column in columns if column.header in grouped and not column.field
    ]
    batch.save()
    return batch


def work_to_the_end(batch):
    for _ in range(20):
        if not jobs.work(batch.pk):
            break
    batch.refresh_from_db()


def first_rows(content, count):
    """The header and the first `count` employees of a file whose cells hold no line ends."""
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: count + 1])
