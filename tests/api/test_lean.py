"""A web process answers without what trains models, and stays small."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("pandas", "sklearn", "scipy", "joblib", "xlsxwriter", "python_calamine")

_SCRIPT = """
import json, os, sys
import django
from django.conf import settings

settings.DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.ALLOWED_HOSTS = ["testserver"]
django.setup()
from django.core.management import call_command
from django.test import Client

from accounts import tokens
from accounts.models import User
from accounts.roles import assign_role
from attrition_site.wsgi import application
from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.models import Origin

call_command("migrate", verbosity=0)
files = artifact.read(registry.BUNDLED_FOLDER)
version = services.register(files=files, origin=Origin.BUNDLED)
services.activate(version=version, reason="test")
dave = User.objects.create_user("dave")
assign_role(dave, "api")
response = Client().post(
    "/api/v1/predict/attrition",
    {"over_time": "Yes"},
    content_type="application/json",
    headers={"Authorization": f"Bearer {tokens.issue(dave).access_token}"},
)
assert response.status_code == 201, response.content
print(json.dumps([name for name in sys.argv[1:] if name in sys.modules]))
"""


def test_a_web_process_imports_nothing_that_trains():
    """In a process of its own, which sees the whole of the addresses and one prediction."""
    answer = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *HEAVY],
        capture_output=True,
        text=True,
        check=False,
        env={"DJANGO_SETTINGS_MODULE": "attrition_site.settings", "PATH": ""},
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "[]\n"
