"""Reads the environment for the settings: each variable by its kind, secrets from a file as well.

What cannot be used is collected, and told in sentences that say what to set, all of it at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

from attrition_site import secrets

Networks = tuple[IPv4Network | IPv6Network, ...]

_TRUE = frozenset({"true", "on", "yes", "y", "1"})
_FALSE = frozenset({"false", "off", "no", "n", "0"})
_SCHEMES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "postgresql": "PostgreSQL"}
_LINE = re.compile(r"(?:export )?[A-Za-z_0-9]+=.*|\s*(?:#.*)?")

# What one kind of process takes where nothing is set; it says so before the settings are loaded.
process_defaults: dict[str, int] = {}


class Environment:
    """The process's environment, and beneath it a `.env` file. An empty value counts as none.

    Outside development what is unsafe is refused as well. Call `settle` once all is read.
    """

    def __init__(self, folder: Path) -> None:
        """Read `folder`/.env, if there is one; relative paths are meant from `folder`.

        Raises ImproperlyConfigured when ATTRITION_ENV names no environment: nothing else can be
        judged then.
        """
        self._folder = folder
        self._problems: list[str] = []
        self._read_file(folder / ".env")
        self.name = self.text("ATTRITION_ENV", "development")
        if self.name not in {"development", "staging", "production", "demo"}:
            raise ImproperlyConfigured(
                f"ATTRITION_ENV is {self.name!r}: set it to development, staging, production or"
                " demo."
            )
        self.development = self.name == "development"
        # Shown to the public as in production, but with accounts that everyone knows and on a
        # database that is thrown away: whoever sets it by mistake meets no real person's record.
        self.demo = self.name == "demo"

    def refuse(self, sentence: str) -> None:
        """Have `settle` stop the start with this sentence, among others."""
        self._problems.append(sentence)

    def settle(self) -> None:
        """Raises ImproperlyConfigured with everything that was refused."""
        if self._problems:
            lines = "".join(f"\n- {problem}" for problem in self._problems)
            raise ImproperlyConfigured(f"Nothing starts in {self.name} until this is set:{lines}")

    # -------------------------------------------------------------- by kind

    def text(self, name: str, default: str = "") -> str:
        return os.environ.get(name, "").strip() or default

    def names(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """The parts between commas, without the empty ones."""
        found = [part.strip() for part in self.text(name).split(",")]
        return [part for part in found if part] or list(default)

    def flag(self, name: str, default: bool) -> bool:
        given = self.text(name).lower()
        if given and given not in _TRUE | _FALSE:
            self.refuse(f"{name} is {given!r}: set it to true or false.")
        return given in _TRUE if given else default

    def number(self, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
        """A whole number from `least` on, to `most` where there is an end."""
        given = self.text(name)
        if not given:
            return process_defaults.get(name, default)
        found = int(given) if given.isascii() and given.isdigit() else -1
        if found < least or (most is not None and found > most):
            end = "on" if most is None else f"to {most}"
            self.refuse(f"{name} is {given!r}: set it to a whole number from {least} {end}.")
            return default
        return found

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        given = self.text(name, default)
        if given not in choices:
            self.refuse(f"{name} is {given!r}: set it to one of {', '.join(choices)}.")
            return default
        return given

    def path(self, name: str, default: Path) -> Path:
        return self._folder / self.text(name, str(default))

    def make_folder(self, name: str, folder: Path) -> None:
        """Make sure of a folder that is written to; the variable `name` says where it is."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.refuse(
                f"{folder} cannot be made: {error.strerror}. Set {name} to a folder that may be"
                " written to."
            )

    def https_header(self, name: str) -> tuple[str, str] | None:
        """The header that says `https`, as Django asks for it; None where nothing is set."""
        header = self.text(name).upper().replace("-", "_").removeprefix("HTTP_")
        if not re.fullmatch(r"[A-Z0-9_]*", header):
            self.refuse(f"{name} is {self.text(name)!r}: set it to a header's name alone.")
        return (f"HTTP_{header}", "https") if header else None

    def time_zone(self, name: str, default: str) -> str:
        given = self.text(name, default)
        try:
            ZoneInfo(given)
        except (OSError, ValueError, KeyError):
            self.refuse(f"{name} is {given!r}: set it to the IANA name of a zone, as Europe/Paris.")
            return default
        return given

    # -------------------------------------------------------------- secrets

    def secret(self, name: str) -> str:
        """What the variable holds, or the file that `name`_FILE names; empty without either."""
        given, file = self.text(name), self.text(f"{name}_FILE")
        if not file:
            return given
        if given:
            self.refuse(f"{name} and {name}_FILE are both set: unset one of them.")
            return given
        try:
            found = (self._folder / file).read_text().strip("\r\n")
        except OSError as error:
            self.refuse(f"{name}_FILE is {file!r}, which cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            self.refuse(f"{name}_FILE is {file!r}, which holds no text.")
        else:
            if not found:
                self.refuse(f"{name}_FILE is {file!r}, which is empty.")
            return found
        return ""

    def key(self, name: str) -> str:
        """A secret that signs; outside development a strong one, if there is one."""
        key = self.secret(name)
        if key and not self.development and (weak := secrets.weakness(key, example=self._example)):
            self.refuse(f"{name} is weak: {weak}. {secrets.HOW}")
        return key

    @property
    def _example(self) -> str:
        file = self._folder / ".env.example"
        return file.read_text() if file.is_file() else ""

    # -------------------------------------------------------------- hosts

    def hosts(self, name: str) -> list[str]:
        """The host names served. In development every one, unless it is set."""
        hosts = self.names(name, ["*"] if self.development else [])
        if self.development:
            return hosts
        if not hosts:
            self.refuse(f"{name} is not set. Set it to the host names served, separated by commas.")
        for host in hosts:
            if "*" in host or re.fullmatch(r"\.[^.]*\.?", host):
                self.refuse(
                    f"{name} holds {host!r}, which lets in names of others. Name each host; all"
                    " hosts of a domain of yours are .example.org"
                )
            elif not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", host):
                self.refuse(
                    f"{name} holds {host!r}, which is no host name: leave out https://, the port"
                    " and the path."
                )
        return hosts

    def origins(self, name: str) -> list[str]:
        """Origins as https://host, separated by commas."""
        origins = self.names(name)
        for origin in origins:
            scheme, separator, host = origin.partition("://")
            if not separator or scheme not in {"http", "https"} or not host or "/" in host:
                self.refuse(f"{name} holds {origin!r}: write each one as https://host")
            elif not self.development and re.fullmatch(r"(\*\.?)+[^.]*\.?", host):
                self.refuse(f"{name} holds {origin!r}, which trusts names of others.")
        return origins

    def proxies(self, name: str) -> int | Networks:
        """How many reverse proxies stand in front, or their addresses and networks."""
        given = self.text(name, "0")
        if given.isdecimal():
            return int(given)
        try:
            return tuple(ip_network(part) for part in self.names(name))
        except ValueError as error:
            self.refuse(
                f"{name} is {given!r}: set it to the number of proxies in front of this server, or"
                f" to their addresses and networks, separated by commas ({error})."
            )
            return 0

    # -------------------------------------------------------------- database

    def database(self, name: str, default: str, *, password_name: str) -> dict[str, Any]:
        """The settings of the database at a URL, the password from a variable of its own as well.

        Outside development the database is always named: nobody comes to SQLite by forgetting.
        """
        url = self.secret(name)
        password = self.secret(password_name)
        if url and self.demo:
            self.refuse(
                f"{name} is set, but a demonstration works on a database of its own, which it"
                " throws away at each start. Unset it."
            )
        if not url and not self.development and not self.demo:
            self.refuse(
                f"{name} is not set. Set it to postgresql://user@host:5432/name, and"
                f" {password_name}; or, to keep all on this one machine with SQLite, to"
                " sqlite:///var/attrition.sqlite3"
            )
        try:
            kind = _SCHEMES[(url or default).partition(":")[0].lower()]
            database: dict[str, Any] = environ.Env.db_url_config(url or default)
        except (ValueError, KeyError):
            # A URL holds a password: it is not repeated.
            self.refuse(
                f"{name} cannot be read: set it to postgresql://user:password@host:5432/name or"
                " sqlite:///path. In the user and the password, write @ : / ? # % as %40 %3A %2F"
                " %3F %23 %25."
            )
            return environ.Env.db_url_config(default)  # type: ignore[no-any-return]
        if kind == "SQLite":
            if database["NAME"] != ":memory:":
                database["NAME"] = str(self._folder / database["NAME"])
            return database
        if not database["NAME"]:
            self.refuse(f"{name} names no database: end it with /name.")
        if password and database["PASSWORD"]:
            self.refuse(
                f"{password_name} is set, and {name} holds a password too: leave it out of one."
            )
        database["PASSWORD"] = password or database["PASSWORD"]
        names = (database["USER"], database["NAME"])
        if (
            database["PASSWORD"]
            and not self.development
            and (weak := secrets.password_weakness(database["PASSWORD"], names=names))
        ):
            self.refuse(
                f"The database's password is weak: {weak}. Give its user another one, and set"
                f" {password_name} to it."
            )
        return database

    # -------------------------------------------------------------- .env

    def _read_file(self, file: Path) -> None:
        if not file.is_file():
            return
        try:
            lines = file.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it holds no text"
            raise ImproperlyConfigured(f"{file} cannot be read: {reason}.") from error
        for number, line in enumerate(lines, start=1):
            # Left out in silence, a line could turn production into development.
            if not _LINE.fullmatch(line):
                self.refuse(f"Line {number} of .env cannot be read: write it as NAME=value.")
        environ.Env.read_env(file)
