from __future__ import annotations

import pytest
from django.db import transaction

from tests.access.world import make_world
from tests.batches.conftest import assessed, bring  # noqa: F401 (fixtures)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One for a module, whose tests undo what they do. Each test needs the mark `django_db`:
    without one, pytest-django would give the module no database of the tests' own."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield make_world()
        transaction.set_rollback(True)
