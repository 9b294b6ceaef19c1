"""The web process: gunicorn imports `application` from here."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from attrition_site.serving import web_process

web_process.prepare()
django.setup()

from attrition_site import checks  # noqa: E402 (it knows models)

checks.refuse_to_start()

# Only here statements are limited and connections are kept: no variable can end a backup that takes
# its time, or give a pool to a process that forks. The pool opens with the first request, so even
# workers that are forked from a preloaded server have one each.
_database = settings.DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.postgresql":
    _database["OPTIONS"]["options"] += settings.DATABASE_WEB_LIMITS
    _database["OPTIONS"]["pool"] = settings.DATABASE_POOL

application = get_wsgi_application()
