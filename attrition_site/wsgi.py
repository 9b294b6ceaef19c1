"""The web process: gunicorn imports `application` from here."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
# Whoever waits for a page gives up sooner than a migration may.
os.environ.setdefault("DATABASE_STATEMENT_SECONDS", "10")

application = get_wsgi_application()
