"""The web process: gunicorn imports `application` from here."""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from attrition_site import environment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
environment.process_defaults.update(
    # Whoever waits for a page gives up sooner than a migration may.
    DATABASE_STATEMENT_SECONDS=10,
    DATABASE_LOCK_SECONDS=5,
    # What a process holds that stands still in the middle of a transaction, or whose download
    # nobody takes any more, is free again after a minute.
    DATABASE_IDLE_TRANSACTION_SECONDS=60,
)

django.setup()

from attrition_site import checks  # noqa: E402 (it knows models)

checks.refuse_to_start()

# Only here connections are kept: no variable can give a pool to a process that forks. It opens with
# the first request, so even workers that are forked from a preloaded server have one each.
_database = settings.DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.postgresql":
    _database["OPTIONS"]["pool"] = settings.DATABASE_POOL

application = get_wsgi_application()
