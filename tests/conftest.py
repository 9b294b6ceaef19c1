"""What every test stands on: the real database, the bundled model, five people."""

from __future__ import annotations

import gc
import os
from functools import lru_cache
from unittest.mock import patch

# Each process of the run does its own arithmetic with one thread, and so does what it starts: with
# one per processor each, they would wait for one another. It is read before the first number is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from django.db import connection
from django.test import TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts import throttling
from mlcore import append_only, registry, services
from mlcore.engine import artifact
from mlcore.models import Origin
from predictions.models import Source
from predictions.services import Request, predict

pytest_plugins = ["tests.people", "tests.browser", "tests.databases", "tests.reliability.report"]


def pytest_collection_finish():
    """What is there by now stays to the end: who looks for garbage need not go through it again
    and again, nor as often as in a small program."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def _fresh_process():
    """Each test begins as a new process does: it knows of no model yet, and has counted nobody."""
    registry.forget()
    throttling.forget()
    yield
    registry.forget()


@pytest.fixture(autouse=True)
def _own_environment():
    """What a test reads from a `.env` is not there for the next one, nor for what that starts."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True, scope="session")
def _the_same_bytes_are_read_once():
    """A model follows from its files alone, and so does their archive; nearly every test asks for
    the bundled one. Of files that were sound, what they gave is kept, so long as not a byte of them
    differs."""
    parse, parsed = artifact.parse, {}
    pack = artifact.pack

    def parse_once(files, *, expected_sha256="", where="It"):
        key = (frozenset(files.items()), expected_sha256)
        if key not in parsed:
            parsed[key] = parse(files, expected_sha256=expected_sha256, where=where)
        return parsed[key]

    packed = lru_cache(maxsize=32)(lambda entries: pack(dict(entries)))

    def pack_once(files):
        return packed(tuple(files.items()))

    with patch.multiple(artifact, parse=parse_once, pack=pack_once):
        yield


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_listed_once():
    """Each client starts the site anew, and WhiteNoise then goes through a thousand files."""
    list_files, listed = WhiteNoiseMiddleware.add_files_from_finders, {}

    def list_files_once(self):
        if not listed:
            list_files(self)
            listed.update(self.files)
        self.files.update(listed)

    with patch.object(WhiteNoiseMiddleware, "add_files_from_finders", list_files_once):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Ends what a live server's threads left open: PostgreSQL drops no database that is in use."""
    yield
    if connection.vendor == "postgresql":
        connection.close()  # a test may have had it ended from the other side
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True, scope="session")
def _tables_can_be_emptied():
    """A transactional test ends by emptying every table, which the triggers exist to refuse.

    They are lifted just before that; the `post_migrate` signal that follows puts them back.
    """
    teardown = TransactionTestCase._fixture_teardown

    def lift_then_empty(self):
        append_only.remove(connection)
        teardown(self)

    TransactionTestCase._fixture_teardown = lift_then_empty
    yield
    TransactionTestCase._fixture_teardown = teardown


@pytest.fixture
def active_model(db):
    """The bundled model, registered and active."""
    version = services.register(files=artifact.read(registry.BUNDLED_FOLDER), origin=Origin.BUNDLED)
    services.activate(version=version, reason="for the test")
    return registry.active()


@pytest.fixture
def employee():
    """One raw employee, complete and acceptable: the first of the public file."""
    return dict(EMPLOYEE)


@pytest.fixture
def record(active_model):
    """Records predictions as the product does: `record(alice, over_time="Yes")`."""

    def make(user, *, source=Source.FORM, **values):
        row = active_model.schema.clean(EMPLOYEE | values)
        return predict(
            row,
            using=active_model,
            request=Request(requested_by=user, source=source, request_id="test-request"),
        )

    return make


EMPLOYEE = {
    "employee_id": "E-1024",
    "over_time": "Yes",
    "business_travel": "Travel_Rarely",
    "distance_from_home": 1,
    "job_role": "Sales Executive",
    "job_level": 2,
    "monthly_income": 5993,
    "stock_option_level": 0,
    "training_times_last_year": 0,
    "years_at_company": 6,
    "years_since_last_promotion": 0,
    "years_with_curr_manager": 5,
    "total_working_years": 8,
    "num_companies_worked": 8,
    "environment_satisfaction": 2,
    "job_satisfaction": 4,
    "relationship_satisfaction": 1,
    "job_involvement": 3,
    "work_life_balance": 1,
    "education_field": "Life Sciences",
}
