"""What the code of the product does not do, whoever asks: read from its files."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("accounts", "attrition_site", "mlcore", "predictions")

# Reads that run code, or could.
UNSAFE_READERS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"}
UNSAFE_READERS |= {"joblib.load", "pandas.read_pickle", "numpy.load"}
# What goes out to an address.
OUTGOING = {"urllib.request", "urllib3", "requests", "httpx", "aiohttp", "http.client", "ftplib"}
OUTGOING |= {"smtplib", "socket", "telnetlib", "xmlrpc.client"}
# A list of names, not a client.
HARMLESS = {"http.client.responses"}
# These ask this very installation, at an address that no request can name, or wait to be asked.
ASK_OURSELVES = {
    "attrition_site/run.py",
    "attrition_site/probe.py",
    "attrition_site/serve.py",
    "attrition_site/serving/web_server.py",
    "attrition_site/serving/connection.py",
    "attrition_site/serving/patient_worker.py",
    "attrition_site/serving/preparation.py",
    "attrition_site/serving/first_process.py",
    "attrition_site/observability/exposition.py",
}
# They draw pictures of numbers, and escape the words in them.
DRAW = {
    "mlcore/templatetags/figures.py",
    "predictions/batches/columns.py",
    "predictions/batches/long_select.py",
    "predictions/templatetags/file_results.py",
    "predictions/templatetags/overview.py",
    "predictions/templatetags/risk.py",
    "predictions/templatetags/what_if.py",
    "predictions/timeline_chart.py",
}
SHOW = {
    "templates/overview/_movement.html",
    "templates/models/card.html",
    "templates/models/operating_point.html",
    "templates/models/_picture.html",
}
RUN_CODE = {"eval", "exec", "compile", "__import__"}


@cache
def modules():
    """Every module of the product, by its path, as (path, syntax tree)."""
    return [
        (file.relative_to(ROOT).as_posix(), ast.parse(file.read_text()))
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    ]


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used_of(names, forbidden):
    """Which of these names are one of the forbidden, or lie in one."""
    return {
        name
        for name in names
        if any(name == one or name.startswith(f"{one}.") for one in forbidden)
    }


def called(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {keyword.arg: keyword.value for keyword in node.keywords}


def test_nothing_that_could_run_code_is_read():
    found = {
        name: used_of(imported(tree), UNSAFE_READERS)
        | used_of((function for function, _keywords in called(tree)), UNSAFE_READERS)
        for name, tree in modules()
    }
    assert not {name: what for name, what in found.items() if what}


def test_no_text_becomes_code():
    found = [
        (name, function)
        for name, tree in modules()
        for function, _keywords in called(tree)
        if function in RUN_CODE
    ]
    assert found == []


def test_no_command_goes_through_a_shell():
    found = [
        (name, function)
        for name, tree in modules()
        for function, keywords in called(tree)
        if "shell" in keywords or function in {"os.system", "os.popen"}
    ]
    assert found == []


def test_no_request_makes_the_server_ask_elsewhere():
    """Nothing that serves can send a request: there is no address to be misled to."""
    found = {name: used_of(imported(tree), OUTGOING) - HARMLESS for name, tree in modules()}
    assert {name for name, what in found.items() if what} <= ASK_OURSELVES


def test_only_pictures_are_put_into_a_page_as_they_are():
    """Everything else, a template escapes."""
    found = {
        name
        for name, tree in modules()
        for function, _keywords in called(tree)
        if function.rpartition(".")[2] in {"mark_safe", "SafeString"}
    }
    assert found <= DRAW
    templates = {
        file.relative_to(ROOT).as_posix(): file.read_text()
        for file in (ROOT / "templates").rglob("*.html")
    }
    assert {name for name, text in templates.items() if "|safe" in text} <= SHOW
    assert not [name for name, text in templates.items() if "autoescape off" in text]


def test_what_is_in_a_session_is_json():
    assert settings.SESSION_SERIALIZER.endswith(JSONSerializer.__name__)


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SIGNING_KEY"])
def test_what_signs_work_in_the_queue_is_secret(name):
    """django-q unpickles what carries a signature by SECRET_KEY: see docs/threats.md."""
    assert len(getattr(settings, name)) >= 32


def test_a_forged_task_is_not_unpickled(db):
    """Who can write the queue's table and does not know SECRET_KEY gets nothing run."""
    import base64
    import pickle

    from django.core.signing import BadSignature
    from django_q.signing import SignedPackage

    class Attack:
        def __reduce__(self):
            return (Path.touch, (ROOT / "attacked",))

    payload = base64.urlsafe_b64encode(pickle.dumps(Attack())).decode()
    for forged in (payload, f"{payload}:1:2", f".{payload}:aaaa:bbbb"):
        with pytest.raises(BadSignature):
            SignedPackage.loads(forged)
    assert not (ROOT / "attacked").exists()
