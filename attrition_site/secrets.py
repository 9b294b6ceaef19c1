"""Secrets: which are too weak to guard anything, and how good ones come into `.env`.

    python -m attrition_site.secrets

Needs nothing but Python, so it runs before anything is installed.
"""

from __future__ import annotations

import re
import secrets
import sys
from itertools import pairwise
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# The fewest bytes of a key: less is under what HMAC-SHA256 can hold.
KEY_BYTES = 32
# Shorter than this, a password of a database is found by trying.
PASSWORD_LENGTH = 12

HOW = (
    "Put a new one into .env with `make secrets`, or make one yourself:"
    ' python3 -c "import secrets; print(secrets.token_urlsafe(50))"'
)

# What templates, tutorials and hurried people write. In random letters, none is to be expected.
_KNOWN = (
    "django-insecure-",
    "changeme",
    "change-me",
    "change_me",
    "change this",
    "change-this",
    "replace",
    "your-secret",
    "your_secret",
    "yoursecret",
    "secret-key",
    "secret_key",
    "secretkey",
    "not-so-secret",
    "notsecret",
    "insecure",
    "placeholder",
    "password",
    "passw0rd",
    "qwerty",
    "letmein",
    "attrition-demo",
    "example",
)
_KNOWN_PASSWORDS = frozenset({"postgres", "postgresql", "admin", "root", "secret", "test", "demo"})


def weakness(key: str, *, example: str = "") -> str:
    """Why a signing key guards nothing, to follow "… is weak:"; empty when it may be used.

    `example` is a text that everyone can read: what stands in it is no secret.
    """
    size = len(key.encode())
    if size < KEY_BYTES:
        return f"it has {size} characters of the {KEY_BYTES} that it needs"
    if known := _known(key):
        return f"it contains {known!r}, as published examples do"
    if key in example:
        return "it is copied from .env.example"
    # Random characters hardly ever repeat a run of three; a repeated word does nothing else.
    if len({key[start : start + 3] for start in range(len(key) - 2)}) < 20:
        return "it repeats the same few characters"
    steps = [ord(after) - ord(before) for before, after in pairwise(key)]
    if sum(step in {-1, 0, 1} for step in steps) > len(steps) * 2 / 3:
        return "its characters follow one another"
    return ""


def password_weakness(password: str, *, names: tuple[str, ...] = ()) -> str:
    """Why the database's password guards nothing; `names` are those of its user and itself."""
    if password in _KNOWN_PASSWORDS or password in names:
        return "it is a name that everyone tries first"
    if known := _known(password):
        return f"it contains {known!r}, as published examples do"
    if len(password) < PASSWORD_LENGTH:
        return f"it has {len(password)} characters of the {PASSWORD_LENGTH} that it needs"
    if len(set(password)) < 5:
        return "it repeats the same few characters"
    return ""


def _known(secret: str) -> str:
    lowered = secret.lower()
    return next((word for word in _KNOWN if word in lowered), "")


# ------------------------------------------------------------------ into .env


def fill(text: str) -> tuple[str, list[str]]:
    """The text of a `.env` with the secrets that it lacks, and their names.

    What is set stays: a key that changes signs everyone out, and a password that changes is not
    the database's.
    """
    made = []
    for name in ("SECRET_KEY", "DATABASE_PASSWORD"):
        if _set(text, name) or _set(text, f"{name}_FILE"):
            continue
        if name == "DATABASE_PASSWORD" and _database_needs_none(text):
            continue
        line = f"{name}={secrets.token_urlsafe(50 if name == 'SECRET_KEY' else 24)}"
        text, found = re.subn(rf"(?m)^(# )?{name}=[ \t]*$", line, text, count=1)
        if not found:
            text = f"{text.rstrip()}\n{line}\n".lstrip()
        made.append(name)
    return text, made


def _set(text: str, name: str) -> str:
    """The value of a variable in the text of a `.env`; empty when it has none."""
    found = re.findall(rf"(?m)^(?:export )?{name}=(.*)$", text)
    return found[-1].strip(" \t'\"") if found else ""


def _database_needs_none(text: str) -> bool:
    if _set(text, "DATABASE_URL_FILE"):
        return True
    url = _set(text, "DATABASE_URL")
    return url.startswith("sqlite:") or bool(re.match(r"\w+://[^/@]*:[^/@]+@", url))


def main() -> int:
    file = BASE_DIR / ".env"
    if not file.is_file():
        sys.stderr.write("There is no .env yet. Make it first: cp .env.example .env\n")
        return 1
    text, made = fill(file.read_text())
    if not made:
        sys.stdout.write("The secrets in .env are set already, and stay as they are.\n")
        return 0
    file.chmod(0o600)  # from here on it is for its owner alone
    file.write_text(text)
    sys.stdout.write(f"New in .env: {', '.join(made)}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
