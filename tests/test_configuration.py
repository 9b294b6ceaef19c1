"""The configuration says what it reads, and refuses what is unsafe."""

import ast
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent
STRONG = "correct-horse-battery-staple-0123456789-abcdefghijk"


def variables_read_by(file):
    """The environment variables that a module names, wherever it reads them."""
    tree = ast.parse((BASE_DIR / file).read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"))
                | ast.Name(id="_secret")
                | ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name
            case ast.Compare(
                left=ast.Constant(value=str(name)), comparators=[ast.Attribute(attr="environ")]
            ):
                yield name


def test_the_example_names_each_variable_once():
    example = (BASE_DIR / ".env.example").read_text()
    named = re.findall(r"^# ([A-Z_]+)=", example, flags=re.MULTILINE)
    read = {*variables_read_by("attrition_site/settings.py")}
    read |= {*variables_read_by("attrition_site/run.py")}
    assert {"SECRET_KEY", "DATABASE_URL", "HOST", "DEMO_PASSWORD"} <= read
    assert sorted(named) == sorted(read)


def test_the_example_changes_nothing_when_copied():
    lines = (BASE_DIR / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def production(tmp_path, *command, **variables):
    """What Python does with `command` in a process of its own: its status and its output."""
    environment = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": "sqlite://:memory:",
        "ATTRITION_ENV": "production",
        "SECRET_KEY": STRONG,
        "JWT_SIGNING_KEY": STRONG,
        "ALLOWED_HOSTS": "attrition.example.org",
    } | variables
    done = subprocess.run(
        [sys.executable, *command],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def settings_with(tmp_path, *, say="SECRET_KEY", **variables):
    """One setting, or why there are none."""
    code = f"from attrition_site import settings; print(settings.{say})"
    return production(tmp_path, "-c", code, **variables)


def test_strong_secrets_start_in_production(tmp_path):
    assert settings_with(tmp_path) == (0, STRONG)


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("value", ["", "k" * 31])
def test_a_weak_secret_stops_the_start_outside_development(tmp_path, environment, value):
    status, output = settings_with(tmp_path, ATTRITION_ENV=environment, SECRET_KEY=value)
    assert status != 0
    assert "SECRET_KEY must be set to at least 32 random characters" in output


def test_a_weak_signing_key_stops_the_start_outside_development(tmp_path):
    status, output = settings_with(tmp_path, JWT_SIGNING_KEY="short")
    assert status != 0
    assert "JWT_SIGNING_KEY must be set to at least 32 random characters" in output


def test_a_misspelt_environment_stops_the_start(tmp_path):
    status, output = settings_with(tmp_path, ATTRITION_ENV="prod")
    assert status != 0
    assert "set it to development, staging or production" in output


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_detailed_error_pages_stop_the_start_outside_development(tmp_path, environment):
    status, output = settings_with(tmp_path, ATTRITION_ENV=environment, DEBUG="true")
    assert status != 0
    assert f"unset it in {environment}" in output
    assert settings_with(tmp_path, ATTRITION_ENV="development", DEBUG="true")[0] == 0


@pytest.mark.parametrize("hosts", ["", " , "])
def test_no_host_name_stops_the_start_outside_development(tmp_path, hosts):
    status, output = settings_with(tmp_path, ALLOWED_HOSTS=hosts)
    assert status != 0
    assert "ALLOWED_HOSTS must name the hosts served" in output


@pytest.mark.parametrize(
    ("setting", "development", "elsewhere", "set_to", "then"),
    [
        ("SECURE_SSL_REDIRECT", "False", "True", "false", "False"),
        ("SECURE_HSTS_SECONDS", "0", "3600", "31536000", "31536000"),
        (
            "SECURE_PROXY_SSL_HEADER",
            "None",
            "None",
            "X-Forwarded-Proto",
            "('HTTP_X_FORWARDED_PROTO', 'https')",
        ),
    ],
)
def test_https_is_asked_for_outside_development(
    tmp_path, setting, development, elsewhere, set_to, then
):
    def said(**variables):
        status, output = settings_with(tmp_path, say=setting, **variables)
        assert status == 0, output
        return output

    assert said(ATTRITION_ENV="development") == development
    assert said() == elsewhere
    assert said(**{setting: set_to}) == then


def test_django_has_nothing_to_say_against_production(tmp_path):
    status, output = production(
        tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING"
    )
    assert (status, output.splitlines()[0]) == (
        0,
        "System check identified no issues (2 silenced).",
    )


@pytest.mark.parametrize(
    ("path", "sent_on"),
    [("/health", False), ("/api/v1/health", False), ("/accounts/login/", True), ("/healthy", True)],
)
def test_a_probe_over_http_is_answered_and_others_are_sent_to_https(
    client, db, settings, path, sent_on
):
    settings.SECURE_SSL_REDIRECT = True
    assert (client.get(path).status_code == 301) is sent_on


def test_development_makes_a_secret_of_its_own_and_keeps_it(tmp_path):
    def secret(folder):
        status, output = settings_with(folder, ATTRITION_ENV="development", SECRET_KEY="")
        assert status == 0, output
        return output

    here = secret(tmp_path / "here")
    assert len(here) >= 50
    assert secret(tmp_path / "here") == here
    assert secret(tmp_path / "there") != here
    assert (tmp_path / "here" / "secret_key").stat().st_mode & 0o077 == 0


def test_first_starts_at_once_agree_on_a_secret(tmp_path):
    with ThreadPoolExecutor() as pool:
        starts = [
            pool.submit(settings_with, tmp_path, ATTRITION_ENV="development", SECRET_KEY="")
            for _start in range(6)
        ]
    [(status, secret)] = {start.result() for start in starts}
    assert status == 0
    assert len(secret) >= 50


def test_a_start_that_is_cut_off_leaves_no_half_a_secret(tmp_path):
    cut_off = "import os, secrets; secrets.token_urlsafe = lambda size: os._exit(9); "
    status, _output = production(
        tmp_path,
        "-c",
        cut_off + "import attrition_site.settings",
        ATTRITION_ENV="development",
        SECRET_KEY="",
    )
    assert status == 9
    status, secret = settings_with(tmp_path, ATTRITION_ENV="development", SECRET_KEY="")
    assert status == 0
    assert len(secret) >= 50


@pytest.mark.parametrize("name", ["requirements", "requirements-demo", "requirements-dev"])
def test_a_lock_pins_every_file_and_names_no_place(name):
    text = (BASE_DIR / f"{name}.txt").read_text()
    requirements = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert all(re.match(r"[a-z0-9-]+==\S+ (; .+ )?\\$", line) for line in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)
    assert not re.search(r"://|--(index|extra|find|trusted)|file:|/", text)
    for wanted in (BASE_DIR / f"{name}.in").read_text().splitlines():
        if pinned := re.match(r"([a-z0-9-]+)(?:\[.*\])?(==\S+)", wanted):
            assert f"\n{pinned[1]}{pinned[2]} " in text


@pytest.mark.parametrize(
    ("start", "kept"), [("import attrition_site.wsgi", "16"), ("import django; django.setup()", "")]
)
def test_only_web_processes_keep_connections_whatever_is_set(tmp_path, start, kept):
    """The background worker forks: two processes would write to one socket."""
    code = (
        f"{start}\n"
        "from django.db import connection\n"
        "print(connection.settings_dict['OPTIONS'].get('pool', {}).get('max_size', ''))\n"
        "assert not connection._connection_pools  # a preloaded server has none to share"
    )
    status, output = production(
        tmp_path,
        "-c",
        code,
        DATABASE_URL="postgresql://nobody@localhost/nothing",
        DATABASE_POOL_SIZE="16",
        DJANGO_SETTINGS_MODULE="attrition_site.settings",
    )
    assert (status, output) == (0, kept)
