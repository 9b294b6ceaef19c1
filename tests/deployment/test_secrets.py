"""`make secrets` fills what `.env` lacks, with secrets that production takes."""

import re
import secrets as random
import shutil
import string
import subprocess
import sys

import pytest

from attrition_site import environment, secrets
from tests.deployment.installation import BASE_DIR, STRONG

EXAMPLE = (BASE_DIR / ".env.example").read_text()


def value(text, name):
    return re.findall(rf"(?m)^{name}=(.*)$", text)


def test_a_copied_example_gets_a_key_and_a_password():
    text, made = secrets.fill(EXAMPLE)
    assert made == ["SECRET_KEY", "DATABASE_PASSWORD"]
    [key], [password] = value(text, "SECRET_KEY"), value(text, "DATABASE_PASSWORD")
    assert secrets.weakness(key, example=EXAMPLE) == ""
    assert secrets.password_weakness(password) == ""
    # In the places that were meant for them: nothing else moved.
    untouched = text.replace(f"\nSECRET_KEY={key}\n", "\n# SECRET_KEY=\n")
    assert (
        untouched.replace(f"\nDATABASE_PASSWORD={password}\n", "\n# DATABASE_PASSWORD=\n")
        == EXAMPLE
    )


def test_no_two_are_alike():
    first, second = secrets.fill(EXAMPLE)[0], secrets.fill(EXAMPLE)[0]
    assert value(first, "SECRET_KEY") != value(second, "SECRET_KEY")


def test_what_is_set_stays():
    once, _made = secrets.fill(EXAMPLE)
    assert secrets.fill(once) == (once, [])


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", ["SECRET_KEY", "DATABASE_PASSWORD"]),
        ("SECRET_KEY=\nDATABASE_PASSWORD=\n", ["SECRET_KEY", "DATABASE_PASSWORD"]),
        ("SECRET_KEY_FILE=/run/secrets/key\n", ["DATABASE_PASSWORD"]),
        ("DATABASE_PASSWORD_FILE=/run/secrets/word\n", ["SECRET_KEY"]),
        ("DATABASE_URL_FILE=/run/secrets/url\n", ["SECRET_KEY"]),
        ("DATABASE_URL=sqlite:///var/one.sqlite3\n", ["SECRET_KEY"]),
        ("DATABASE_URL=postgresql://user:word@host/name\n", ["SECRET_KEY"]),
        ("DATABASE_URL=postgresql://user@host/name\n", ["SECRET_KEY", "DATABASE_PASSWORD"]),
        ("DATABASE_URL='postgresql://host/name'\n", ["SECRET_KEY", "DATABASE_PASSWORD"]),
    ],
)
def test_it_fills_what_the_file_lacks_wherever_secrets_come_from(text, made):
    filled, names = secrets.fill(text)
    assert names == made
    assert all(len(value(filled, name)) == 1 for name in names)
    for line in text.splitlines():
        assert line in filled or line.endswith("=")


@pytest.mark.parametrize(
    "make",
    [
        lambda: random.token_hex(16),
        lambda: random.token_urlsafe(24),
        lambda: "".join(random.choice(string.digits) for _ in range(40)),
        lambda: "".join(random.choice(string.ascii_lowercase) for _ in range(32)),
    ],
    ids=["hexadecimal", "base 64", "digits", "letters"],
)
def test_random_characters_are_never_called_weak(make):
    assert {secrets.weakness(make()) for _attempt in range(500)} == {""}


@pytest.fixture
def clone(tmp_path):
    """As much of the product as the command needs: nothing is installed yet."""
    (tmp_path / "attrition_site").mkdir()
    for name in ("attrition_site/__init__.py", "attrition_site/secrets.py", "Makefile"):
        shutil.copy(BASE_DIR / name, tmp_path / name)
    return tmp_path


def make_secrets(clone):
    done = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "secrets",
            f"PYTHON={sys.executable} -S",
        ],  # -S: without installed packages
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_fills_the_file_and_keeps_it_from_others(clone, monkeypatch):
    env = clone / ".env"
    env.write_text(EXAMPLE)
    env.chmod(0o644)
    assert make_secrets(clone) == (0, "New in .env: SECRET_KEY, DATABASE_PASSWORD.\n")
    assert env.stat().st_mode & 0o077 == 0
    before = env.read_text()
    assert make_secrets(clone)[1].startswith("The secrets in .env are set already")
    assert env.read_text() == before


def test_without_a_file_it_says_how_to_make_one(clone):
    status, output = make_secrets(clone)
    assert status != 0
    assert "cp .env.example .env" in output


def test_an_edited_example_is_a_production(tmp_path, monkeypatch):
    """The lines at the top of the file are the ones that production needs, and no others."""
    top = EXAMPLE.partition("behind a reverse proxy")[0]
    assert re.findall(r"(?m)^# ([A-Z_]+)=", top) == [
        "ATTRITION_ENV",
        "ALLOWED_HOSTS",
        "DATABASE_URL",
        "DATABASE_URL_FILE",
        "DATABASE_PASSWORD",
        "DATABASE_PASSWORD_FILE",
        "SECRET_KEY",
        "SECRET_KEY_FILE",
    ]
    text, _made = secrets.fill(EXAMPLE)
    for name, given in {
        "ATTRITION_ENV": "production",
        "ALLOWED_HOSTS": "attrition.example.org",
        "DATABASE_URL": "postgresql://attrition@localhost:5432/attrition",
    }.items():
        text = re.sub(rf"(?m)^# {name}=.*$", f"{name}={given}", text)
    (tmp_path / ".env").write_text(text)
    for name in ("ATTRITION_ENV", "SECRET_KEY", "DATABASE_URL", "DATABASE_PASSWORD"):
        monkeypatch.setenv(name, "")  # it is put back when the test ends
        monkeypatch.delenv(name)
    env = environment.Environment(tmp_path)
    assert env.name == "production"
    assert secrets.weakness(env.key("SECRET_KEY")) == ""
    assert env.hosts("ALLOWED_HOSTS") == ["attrition.example.org"]
    database = env.database("DATABASE_URL", "", password_name="DATABASE_PASSWORD")
    assert database["PASSWORD"]
    env.settle()
    assert STRONG not in text
