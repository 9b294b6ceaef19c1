"""The web process: gunicorn imports `application` from here."""

from __future__ import annotations

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

from attrition_site.requests.charsets import TextRequest
from attrition_site.serving import web_process

web_process.prepare()
django.setup()

from attrition_site import checks  # noqa: E402 (it knows models)

checks.refuse_to_start()

# Only here statements are limited and connections are kept: no variable can end a backup that takes
# its time, or give a pool to a process that forks. The pool opens with the first request, so even
# workers that are forked from a preloaded server have one each.
_database = settings.DATABASES["default"]
if _database["ENGINE"] == "attrition_site.postgresql":
    from attrition_site.postgresql.base import KeptConnection, expect_no_connection

    _database["OPTIONS"]["options"] += settings.DATABASE_WEB_LIMITS
    _database["OPTIONS"]["pool"] = settings.DATABASE_POOL | {
        "connection_class": KeptConnection,
        "reconnect_failed": expect_no_connection,
    }
    if settings.DATABASE_STATEMENT_SECONDS:
        # The server is given the time to say itself that a statement took too long.
        KeptConnection.patience = settings.DATABASE_STATEMENT_SECONDS + 2.0

application = get_wsgi_application()
application.request_class = TextRequest
