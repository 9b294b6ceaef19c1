"""Development, staging, production: what each one is, and what it refuses to start with."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.checks.security.base import SECRET_KEY_MIN_LENGTH
from django.core.exceptions import ImproperlyConfigured

from attrition_site import checks, environment
from attrition_site.secrets import HOW
from tests.deployment.installation import BASE_DIR, STRONG, python, refusal, settings_with

ELSEWHERE = ["staging", "production"]


@pytest.fixture(autouse=True)
def _a_process_without_defaults_of_its_own(monkeypatch):
    monkeypatch.setattr(environment, "process_defaults", {})


# ------------------------------------------------------------------ secrets


@pytest.mark.parametrize("name", ELSEWHERE)
def test_with_strong_secrets_it_starts(tmp_path, name):
    settings = settings_with(tmp_path, ATTRITION_ENV=name)
    assert (settings["ENVIRONMENT"], settings["SECRET_KEY"]) == (name, STRONG)
    assert (settings["DEVELOPMENT"], settings["DEBUG"]) == (False, False)


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_secret_stops_the_start(tmp_path, name, value):
    said = refusal(tmp_path, ATTRITION_ENV=name, SECRET_KEY=value)
    assert f"SECRET_KEY is not set. {HOW}" in said
    assert name in said


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("variable", ["SECRET_KEY", "JWT_SIGNING_KEY"])
@pytest.mark.parametrize(
    ("value", "because"),
    [
        (STRONG[:31], "it has 31 characters of the 32 that it needs"),
        ("k" * 64, "it repeats the same few characters"),
        ("aBc4" * 16, "it repeats the same few characters"),
        ("0123456789abcdef" * 4, "it repeats the same few characters"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "its characters follow one another"),
        ("changeme" + STRONG, "it contains 'changeme'"),
        ("ChangeMe-" + STRONG, "it contains 'changeme'"),
        ("django-insecure-" + STRONG, "it contains 'django-insecure-'"),
        ("your-secret-key-goes-here-000000000000", "it contains 'your-secret'"),
        ("Signs sessions and links: at least 32", "it is copied from .env.example"),
    ],
)
def test_a_weak_secret_stops_the_start(tmp_path, name, variable, value, because):
    said = refusal(tmp_path, ATTRITION_ENV=name, **{variable: value})
    assert f"- {variable} is weak: {because}" in said
    assert HOW in said
    assert value not in said


def test_development_takes_any_secret(tmp_path):
    assert settings_with(tmp_path, ATTRITION_ENV="development", SECRET_KEY="x")["SECRET_KEY"] == "x"


def test_tokens_have_a_key_of_their_own_that_needs_no_variable(tmp_path):
    def signing_key(**variables):
        return settings_with(tmp_path, **variables)["SIMPLE_JWT"]["SIGNING_KEY"]

    derived = signing_key()
    assert STRONG not in derived
    assert len(derived) >= 32
    assert signing_key() == derived  # of another process
    assert signing_key(SECRET_KEY=STRONG[::-1]) != derived
    assert signing_key(JWT_SIGNING_KEY=STRONG[::-1]) == STRONG[::-1]


def test_one_key_for_two_purposes_stops_the_start(tmp_path):
    assert "JWT_SIGNING_KEY is SECRET_KEY again" in refusal(tmp_path, JWT_SIGNING_KEY=STRONG)


def test_development_makes_a_secret_of_its_own_and_keeps_it(tmp_path):
    def secret(folder):
        return settings_with(folder, ATTRITION_ENV="development", SECRET_KEY=None)["SECRET_KEY"]

    here = secret(tmp_path / "here")
    assert len(here) >= SECRET_KEY_MIN_LENGTH
    assert secret(tmp_path / "here") == here
    assert secret(tmp_path / "there") != here
    assert (tmp_path / "here" / "secret_key").stat().st_mode & 0o077 == 0


SAY_SECRET = "from attrition_site import settings; print(settings.SECRET_KEY)"


def test_first_starts_at_once_agree_on_a_secret(tmp_path):
    with ThreadPoolExecutor() as pool:
        starts = [
            pool.submit(
                python, tmp_path, "-c", SAY_SECRET, ATTRITION_ENV="development", SECRET_KEY=None
            )
            for _start in range(4)
        ]
    [(status, secret)] = {start.result() for start in starts}
    assert status == 0
    assert len(secret) >= SECRET_KEY_MIN_LENGTH


def test_a_start_that_is_cut_off_leaves_no_half_a_secret(tmp_path):
    development = {"ATTRITION_ENV": "development", "SECRET_KEY": None}
    cut_off = "import os, secrets; secrets.token_urlsafe = lambda size: os._exit(9); "
    status, _output = python(tmp_path, "-c", cut_off + SAY_SECRET, **development)
    assert status == 9
    assert len(settings_with(tmp_path, **development)["SECRET_KEY"]) >= SECRET_KEY_MIN_LENGTH


# ------------------------------------------------------------------ secrets from files

PASSWORDLESS = "postgresql://keeper@database.internal:5432/records"


@pytest.fixture
def secret_file(tmp_path):
    def write(content, name="secret"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(file)

    return write


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file(tmp_path, secret_file, ending):
    settings = settings_with(
        tmp_path,
        SECRET_KEY=None,
        SECRET_KEY_FILE=secret_file(STRONG + ending),
        JWT_SIGNING_KEY_FILE=secret_file(STRONG[::-1] + ending, "tokens"),
        DATABASE_URL=None,
        DATABASE_URL_FILE=secret_file(PASSWORDLESS + ending, "url"),
        DATABASE_PASSWORD_FILE=secret_file("p@ss: wörd #9/%41" + ending, "password"),
    )
    assert settings["SECRET_KEY"] == STRONG
    assert settings["SIMPLE_JWT"]["SIGNING_KEY"] == STRONG[::-1]
    database = settings["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"]) == ("database.internal", 5432)
    assert (database["USER"], database["NAME"]) == ("keeper", "records")
    assert database["PASSWORD"] == "p@ss: wörd #9/%41"


@pytest.mark.parametrize(
    "name", ["SECRET_KEY", "JWT_SIGNING_KEY", "DATABASE_URL", "DATABASE_PASSWORD"]
)
def test_a_secret_given_twice_is_refused(tmp_path, secret_file, name):
    given = {name: STRONG[::-1], f"{name}_FILE": secret_file(STRONG[::-1])}
    assert f"{name} and {name}_FILE are both set: unset one of them." in refusal(tmp_path, **given)


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (None, "which cannot be read: No such file or directory."),
        ("\n", "which is empty."),
        (b"\xff\xfe\x00", "which holds no text."),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path, secret_file, content, because):
    file = str(tmp_path / "none") if content is None else secret_file(content)
    said = refusal(tmp_path, SECRET_KEY=None, SECRET_KEY_FILE=file)
    assert f"SECRET_KEY_FILE is {file!r}, {because}" in said


def test_a_folder_is_no_secret_file(tmp_path):
    said = refusal(tmp_path, SECRET_KEY=None, SECRET_KEY_FILE=str(tmp_path))
    assert "cannot be read: Is a directory." in said


def test_a_weak_secret_in_a_file_stops_the_start_too(tmp_path, secret_file):
    said = refusal(tmp_path, SECRET_KEY=None, SECRET_KEY_FILE=secret_file("k" * 64))
    assert "SECRET_KEY is weak" in said


# ------------------------------------------------------------------ the environment itself


def test_a_misspelt_environment_stops_the_start(tmp_path):
    said = refusal(tmp_path, ATTRITION_ENV="prod")
    assert said.startswith("ATTRITION_ENV is 'prod': set it to development, staging")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_detailed_error_pages_stop_the_start(tmp_path, name):
    assert f"unset it in {name}" in refusal(tmp_path, ATTRITION_ENV=name, DEBUG="true")
    assert settings_with(tmp_path, ATTRITION_ENV="development", DEBUG="true")["DEBUG"] is True


@pytest.mark.parametrize(
    ("variable", "value", "then"),
    [
        ("DEBUG", "ture", "set it to true or false"),
        ("SECURE_SSL_REDIRECT", "2", "set it to true or false"),
        ("SECURE_HSTS_SECONDS", "an hour", "set it to a whole number from 0 on"),
        ("SECURE_HSTS_SECONDS", "-1", "set it to a whole number from 0 on"),
        ("DATABASE_POOL_SIZE", "0", "set it to a whole number from 1 on"),
        ("WORKERS", "1_0", "set it to a whole number from 1 on"),
        ("PORT", "0", "set it to a whole number from 1 to 65535"),
        ("PORT", "65536", "set it to a whole number from 1 to 65535"),
        ("METRICS_PORT", "65535", "set it to a whole number from 0 to 65534"),  # then the worker's
        ("WORKER_METRICS_PORT", "99999", "set it to a whole number from 0 to 65535"),
        ("TIME_ZONE", "Paris", "set it to the IANA name of a zone"),
        ("TIME_ZONE", "../etc/passwd", "set it to the IANA name of a zone"),
        ("LOG_LEVEL", "warn", "set it to one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("CSRF_TRUSTED_ORIGINS", "attrition.example.org", "write each one as https://host"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_in_words(tmp_path, variable, value, then):
    said = refusal(tmp_path, ATTRITION_ENV="development", **{variable: value})
    assert f"- {variable} " in said
    assert then in said


def test_an_empty_value_counts_as_none(tmp_path):
    without = settings_with(tmp_path)
    empty = settings_with(tmp_path, TIME_ZONE="", DEBUG="", WORKERS="", SECURE_HSTS_SECONDS=" ")
    for name in ("TIME_ZONE", "DEBUG", "Q_CLUSTER", "SECURE_HSTS_SECONDS"):
        assert empty[name] == without[name]


def test_one_start_tells_everything_that_is_wrong(tmp_path):
    said = refusal(tmp_path, SECRET_KEY=None, ALLOWED_HOSTS="*", DATABASE_URL=None, DEBUG="1")
    assert re.findall(r"^- (\w+)", said, re.MULTILINE) == [
        "DEBUG",
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "DATABASE_URL",
    ]


@pytest.mark.parametrize("line", ["ATTRITION_ENV = production", "export SECRET-KEY=x", "SECRET"])
def test_a_line_of_the_env_file_that_would_be_passed_over_stops_the_start(tmp_path, line):
    (tmp_path / ".env").write_text(f"# a comment\n\n{line}\n")
    with pytest.raises(ImproperlyConfigured, match=r"Line 3 of \.env cannot be read"):
        environment.Environment(tmp_path).settle()


@pytest.mark.parametrize("variable", ["VAR_DIR", "STATIC_ROOT"])
@pytest.mark.parametrize("name", ["development", "production"])
def test_a_folder_that_cannot_be_made_is_told_in_words(tmp_path, variable, name):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    secret = STRONG if name == "production" else None
    said = refusal(tmp_path, ATTRITION_ENV=name, SECRET_KEY=secret, **{variable: str(folder)})
    assert f"{folder} cannot be made: Not a directory. Set {variable} to a folder" in said


# ------------------------------------------------------------------ hosts


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("hosts", [None, "", " , "])
def test_no_host_name_stops_the_start(tmp_path, name, hosts):
    said = refusal(tmp_path, ATTRITION_ENV=name, ALLOWED_HOSTS=hosts)
    assert "ALLOWED_HOSTS is not set. Set it to the host names served" in said


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("host", ["*", ".", "*.", "*.example.org", ".org", ".org.", "a*.org"])
def test_a_wildcard_stops_the_start_wherever_it_stands_in_the_list(tmp_path, name, host):
    said = refusal(
        tmp_path, ATTRITION_ENV=name, ALLOWED_HOSTS=f"attrition.example.org, {host} ,localhost"
    )
    assert f"ALLOWED_HOSTS holds {host!r}, which lets in names of others" in said


@pytest.mark.parametrize(
    "host", ["https://attrition.example.org", "attrition.example.org:443", "a.org/hr", "a b"]
)
def test_what_is_no_host_name_stops_the_start(tmp_path, host):
    assert f"holds {host!r}, which is no host name" in refusal(tmp_path, ALLOWED_HOSTS=host)


def test_hosts_are_named_one_by_one_or_by_a_domain_of_ones_own(tmp_path):
    hosts = "attrition.example.org, .hr.example.org,127.0.0.1,[::1],localhost"
    assert settings_with(tmp_path, ALLOWED_HOSTS=hosts)["ALLOWED_HOSTS"] == [
        "attrition.example.org",
        ".hr.example.org",
        "127.0.0.1",
        "[::1]",
        "localhost",
    ]


def test_origins_of_others_are_not_trusted(tmp_path):
    for origin in ("https://*", "https://*.org"):
        said = refusal(tmp_path, CSRF_TRUSTED_ORIGINS=f"https://hr.example.org,{origin}")
        assert f"CSRF_TRUSTED_ORIGINS holds {origin!r}, which trusts names of others" in said
    settings_with(tmp_path, CSRF_TRUSTED_ORIGINS="https://hr.example.org,https://*.example.org")


# ------------------------------------------------------------------ database


@pytest.mark.parametrize("name", ELSEWHERE)
def test_nobody_comes_to_sqlite_by_forgetting(tmp_path, name):
    said = refusal(tmp_path, ATTRITION_ENV=name, DATABASE_URL=None)
    assert "DATABASE_URL is not set. Set it to postgresql://" in said


def test_sqlite_can_be_asked_for_by_name(tmp_path):
    database = settings_with(tmp_path)["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == f"{tmp_path}/production.sqlite3"


def test_a_relative_sqlite_file_lies_in_the_product_wherever_it_is_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database = settings_with(tmp_path, DATABASE_URL="sqlite:///var/one.sqlite3")["DATABASES"]
    assert database["default"]["NAME"] == str(BASE_DIR / "var" / "one.sqlite3")


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("mysql://a:b@host/name", "DATABASE_URL cannot be read"),
        ("postgresql://user:hidden-word@host:port/name", "DATABASE_URL cannot be read"),
        ("hidden-word", "DATABASE_URL cannot be read"),
        ("postgresql://user@host:5432", "DATABASE_URL names no database"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_repeated(tmp_path, url, because):
    said = refusal(tmp_path, DATABASE_URL=url)
    assert because in said
    assert "hidden-word" not in said


@pytest.mark.parametrize(
    "password",
    [
        "postgres",
        "changeme",
        "ChangeMe-12345",
        "keeper",
        "records",
        "password1234",
        "short",
        "1" * 20,
    ],
)
@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_weak_password_of_the_database_stops_the_start(tmp_path, name, password):
    for given in (
        {"DATABASE_URL": PASSWORDLESS, "DATABASE_PASSWORD": password},
        {"DATABASE_URL": PASSWORDLESS.replace("@", f":{password}@")},
    ):
        said = refusal(tmp_path, ATTRITION_ENV=name, **given)
        assert "The database's password is weak" in said
        assert HOW not in said  # the password is the database's, and a new one here opens nothing


def test_a_password_in_the_url_is_taken_as_it_was_written(tmp_path):
    url = PASSWORDLESS.replace("@", ":p%40ss%3Aw%2Frd-9x%23%25@")
    database = settings_with(tmp_path, DATABASE_URL=url)["DATABASES"]["default"]
    assert database["PASSWORD"] == "p@ss:w/rd-9x#%"


def test_a_password_given_twice_is_refused(tmp_path):
    url = PASSWORDLESS.replace("@", ":Uo7-rTq2-xLm9@")
    said = refusal(tmp_path, DATABASE_URL=url, DATABASE_PASSWORD="Uo7-rTq2-xLm9")
    assert "DATABASE_PASSWORD is set, and DATABASE_URL holds a password too" in said


def test_a_server_that_asks_for_no_password_needs_none(tmp_path):
    database = settings_with(tmp_path, DATABASE_URL=PASSWORDLESS)["DATABASES"]["default"]
    assert database["PASSWORD"] == ""


# ------------------------------------------------------------------ HTTPS


@pytest.mark.parametrize(
    ("name", "redirect", "cookies", "seconds"),
    [
        ("development", False, False, 0),
        ("staging", True, True, 3600),
        ("production", True, True, 365 * 24 * 3600),
    ],
)
def test_each_environment_asks_for_as_much_https_as_fits_it(
    tmp_path, name, redirect, cookies, seconds
):
    settings = settings_with(tmp_path, ATTRITION_ENV=name)
    assert settings["SECURE_SSL_REDIRECT"] is redirect
    assert settings["SESSION_COOKIE_SECURE"] is settings["CSRF_COOKIE_SECURE"] is cookies
    assert settings["SECURE_HSTS_SECONDS"] == seconds
    assert settings["SECURE_PROXY_SSL_HEADER"] is None


def test_https_is_set_by_variables_as_well(tmp_path):
    settings = settings_with(
        tmp_path,
        SECURE_SSL_REDIRECT="false",
        SECURE_HSTS_SECONDS="60",
    )
    assert settings["SECURE_SSL_REDIRECT"] is False
    assert (
        settings["SESSION_COOKIE_SECURE"] is True
    )  # no environment but development sends one bare
    assert settings["SECURE_HSTS_SECONDS"] == 60


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Proto", "x-forwarded-proto", "HTTP_X_FORWARDED_PROTO"]
)
def test_the_proxys_header_is_named_as_anyone_writes_it(tmp_path, header):
    settings = settings_with(tmp_path, SECURE_PROXY_SSL_HEADER=header)
    assert settings["SECURE_PROXY_SSL_HEADER"] == ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.parametrize("header", ["X-Forwarded-Proto: https", "HTTP_X_FORWARDED_PROTO,https"])
def test_a_header_with_its_value_is_refused(tmp_path, header):
    said = refusal(tmp_path, SECURE_PROXY_SSL_HEADER=header)
    assert "set it to a header's name alone" in said


@pytest.mark.parametrize(
    ("path", "sent_on"),
    [("/health", False), ("/api/v1/health", False), ("/accounts/login/", True), ("/healthy", True)],
)
def test_a_probe_over_http_is_answered_and_others_are_sent_to_https(
    client, db, settings, path, sent_on
):
    settings.SECURE_SSL_REDIRECT = True
    assert (client.get(path).status_code == 301) is sent_on


@pytest.mark.parametrize(
    ("name", "level"), [("staging", ()), ("production", ("--fail-level", "WARNING"))]
)
def test_django_has_nothing_to_say_against_it(tmp_path, name, level):
    status, output = python(tmp_path, "manage.py", "check", "--deploy", *level, ATTRITION_ENV=name)
    assert (status, output.splitlines()[0]) == (
        0,
        "System check identified no issues (2 silenced).",
    )


BEHIND_A_PROXY = {"SECURE_PROXY_SSL_HEADER": "X-Forwarded-Proto"}


@pytest.mark.parametrize("proxies", ["1", "2", "10.0.0.0/8,192.168.1.5"])
def test_behind_known_proxies_there_is_nothing_to_say_either(tmp_path, proxies):
    command = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    status, output = python(tmp_path, *command, **BEHIND_A_PROXY, TRUSTED_PROXIES=proxies)
    assert (status, output.splitlines()[0]) == (
        0,
        "System check identified no issues (2 silenced).",
    )


@pytest.mark.parametrize("proxies", [None, "0"])
def test_a_proxy_whose_addresses_are_not_read_is_told_of(tmp_path, proxies):
    """Fifty wrong passwords from anywhere would lock everyone out."""
    command = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    status, output = python(tmp_path, *command, **BEHIND_A_PROXY, TRUSTED_PROXIES=proxies)
    assert status == 1
    assert "(attrition.W001) SECURE_PROXY_SSL_HEADER" in output
    assert "HINT: Set TRUSTED_PROXIES" in output


def test_it_starts_all_the_same_and_the_log_says_so(db, settings, caplog, monkeypatch):
    monkeypatch.setattr("django.db.connections.close_all", lambda: None)  # the test's own
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXIES = 0
    checks.refuse_to_start()
    [line] = caplog.messages
    assert "Set TRUSTED_PROXIES" in line

    caplog.clear()
    settings.TRUSTED_PROXIES = 1
    checks.refuse_to_start()
    assert caplog.messages == []


# ------------------------------------------------------------------ whatever is started


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "migrate"),
        ("manage.py", "qcluster"),
        ("manage.py", "check"),
        ("manage.py", "createsuperuser"),
        ("-m", "attrition_site.run"),
        ("-m", "attrition_site.serve", "web"),
        ("-m", "attrition_site.serve", "worker"),
        ("-m", "attrition_site.serve", "migrate"),
        ("-m", "attrition_site.serve", "health"),
    ],
    ids=" ".join,
)
def test_whatever_is_started_says_what_to_set_and_nothing_else(tmp_path, command):
    status, output = python(tmp_path, *command, SECRET_KEY=None, DATABASE_URL=None)
    assert status == 1
    assert output.startswith("Nothing starts in production until this is set:\n- SECRET_KEY")
    assert len(output.splitlines()) == 3
    assert "Traceback" not in output
    assert not (tmp_path / "attrition.sqlite3").exists()


def test_a_web_server_started_by_hand_ends_with_the_same_words(tmp_path):
    status, output = python(
        tmp_path, "-m", "gunicorn", "attrition_site.wsgi", "--check-config", SECRET_KEY="k" * 50
    )
    assert status != 0
    assert "SECRET_KEY is weak: it repeats the same few characters" in output


# ------------------------------------------------------------------ kept connections


@pytest.mark.parametrize(
    ("start", "kept"), [("import attrition_site.wsgi", "16"), ("import django; django.setup()", "")]
)
def test_only_web_processes_keep_connections_whatever_is_set(tmp_path, start, kept):
    """The background worker forks: two processes would write to one socket."""
    code = (
        f"{start}\n"
        "from django.db import connection\n"
        "print(connection.settings_dict['OPTIONS'].get('pool', {}).get('max_size', 'none'))\n"
        "assert not connection._connection_pools  # a preloaded server has none to share"
    )
    status, output = python(
        tmp_path,
        "-c",
        code,
        DATABASE_URL="postgresql://nobody@localhost:1/nothing",  # and a server that is gone
        DATABASE_POOL_SIZE="16",
        DJANGO_SETTINGS_MODULE="attrition_site.settings",
    )
    assert (status, output.splitlines()[0]) == (0, kept or "none")


def test_a_web_process_is_patient_for_as_long_as_the_env_file_says(tmp_path):
    """What a process takes by itself gives way to .env, which is read later."""
    (tmp_path / ".env").write_text("DATABASE_STATEMENT_SECONDS=77\n")
    code = (
        "from pathlib import Path; from attrition_site import environment\n"
        "environment.process_defaults.update(DATABASE_STATEMENT_SECONDS=10)\n"
        "environment.process_defaults.update(DATABASE_LOCK_SECONDS=5)\n"
        f"env = environment.Environment(Path({str(tmp_path)!r}))\n"
        "print(env.number('DATABASE_STATEMENT_SECONDS', 0), env.number('DATABASE_LOCK_SECONDS', 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["77", "5"]
