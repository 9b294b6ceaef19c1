"""A new user's path, as it stands: from a clone, by the README's own commands, to a production that
loses its database and finds every prediction again.

Nothing is installed: the interpreter of the tests stands in for the one that the README makes.
HTTPS ends in a proxy, which is its header alone here. All else is what a new user has: a copy
of the repository's files, an empty environment, a PostgreSQL that asks for the password.
"""

import contextlib
import http.client
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

import psycopg
import pytest

from tests.conftest import EMPLOYEE
from tests.deployment.installation import BASE_DIR
from tests.postgres import postgres_server, programs
from tests.processes import free_port, until

HOST = "attrition.example.org"
PERSON, PASSWORD = "ada", "a-word-of-Adas-own"
PATIENCE = 60  # seconds; only a failure takes that long

# What needs a package index. The path was walked with it by hand.
INSTALLATION = {
    "python3 -m venv .venv",
    ".venv/bin/python -m pip install --require-hashes -r requirements.txt",
}


def readme_blocks():
    """The commands and lines of the README's section, block by block."""
    text = (BASE_DIR / "README.md").read_text()
    section = text.partition("\n## In production\n")[2].partition("\n## ")[0]
    return [
        (language, content.splitlines())
        for language, content in re.findall(r"^```(\w*)\n(.*?)^```$", section, re.M | re.S)
    ]


def test_the_section_is_what_the_path_walks():
    """Commands to begin with, lines for `.env`, commands to prepare, to serve, and to go back."""
    assert [language for language, _lines in readme_blocks()] == ["", "ini", "", "", ""]
    _begin, _edit, (_, prepare), (_, serve), _back = readme_blocks()
    assert set(prepare) > INSTALLATION
    assert [line.split()[-1] for line in serve] == ["web", "worker"]


# ------------------------------------------------------------------ who walks


def clone_into(folder):
    """What a clone would hold: all but what git is told to leave out."""
    ignored = [line.rstrip("/") for line in (BASE_DIR / ".gitignore").read_text().split()]
    shutil.copytree(BASE_DIR, folder, ignore=shutil.ignore_patterns(".git", *ignored))
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return folder


@dataclass
class Machine:
    """A folder, an environment with nothing of ours, and the processes started in it."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def environment(self):
        return {
            "PATH": f"{programs()}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHON": sys.executable,
            "PORT": str(self.port),
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def run(self, command, **variables):
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def serving(self, commands):
        """Keep the commands running, as a supervisor would, until the block ends."""
        log = self.folder / "served.log"
        with log.open("a") as output:
            processes = [
                subprocess.Popen(
                    ["sh", "-c", f"exec {command}"],
                    cwd=self.folder,
                    env=self.environment,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
                for command in commands
            ]
        try:
            until(
                lambda: Browser(self.port).get("/health", https=False).status == 200,
                patience=PATIENCE,
                alive=processes,
                said=log.read_text,
            )
            yield
            assert [process.poll() for process in processes] == [None, None], log.read_text()
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            for process in processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


@dataclass
class Answer:
    status: int
    location: str
    text: str


@dataclass
class Browser:
    """Someone who came to the proxy by HTTPS; it adds the headers of which the README speaks."""

    port: int
    cookies: dict = field(default_factory=dict)

    def ask(self, method, path, form=None, *, https=True):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Host": HOST, "X-Forwarded-For": "203.0.113.7"}
        if https:
            headers |= {"X-Forwarded-Proto": "https", "Referer": f"https://{HOST}/"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={word}" for name, word in self.cookies.items())
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie") or []:
                for name, morsel in SimpleCookie(line).items():
                    assert morsel["secure"], line
                    self.cookies[name] = morsel.value
            text = response.read().decode()
            return Answer(response.status, response.headers.get("Location", ""), text)
        finally:
            connection.close()

    def get(self, path, *, https=True):
        return self.ask("GET", path, https=https)

    def post(self, path, form):
        """Send a form as its page was left."""
        page = self.get(path)
        assert page.status == 200, page.text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        return self.ask("POST", path, form | {"csrfmiddlewaretoken": token})

    def sign_in(self):
        answer = self.post("/accounts/login/", {"username": PERSON, "password": PASSWORD})
        assert answer.status == 302, answer.text


# ------------------------------------------------------------------ the database


@pytest.fixture
def server():
    """A PostgreSQL in which the user `attrition` comes in by a password only."""
    with (
        postgres_server(fast=True) as url,
        psycopg.connect(url.replace("/attrition?", "/postgres?"), autocommit=True) as keeper,
    ):
        rules = Path(keeper.execute("SHOW hba_file").fetchone()[0])
        rules.write_text("local all attrition scram-sha-256\n" + rules.read_text())
        keeper.execute("SELECT pg_reload_conf()")
        yield keeper, unquote(re.search(r"host=(.*)$", url)[1])


def make_database(keeper):
    keeper.execute("DROP DATABASE IF EXISTS attrition WITH (FORCE)")
    keeper.execute("CREATE DATABASE attrition OWNER attrition")


def edit(file, lines):
    """Uncomment lines of `.env` and set them, as the README says."""
    text = file.read_text()
    for line in lines:
        name = line.partition("=")[0]
        text, found = re.subn(rf"(?m)^# {name}=.*$", lambda _match, line=line: line, text)
        assert found == 1, f"{name} is not in .env.example"
    file.write_text(text)


def variable(file, name):
    return re.search(rf"(?m)^{name}=(.+)$", file.read_text())[1]


# ------------------------------------------------------------------ the path


def test_a_new_user_comes_to_a_production_that_survives_its_database(tmp_path, server):
    keeper, socket_folder = server
    (_, begin), (_, lines), (_, prepare), (_, serve), (_, back) = readme_blocks()
    machine = Machine(clone_into(tmp_path / "clone"))
    env = machine.folder / ".env"

    for command in begin:
        machine.run(command)
    at_home = "postgresql://attrition@localhost:5432/attrition"
    here = f"postgresql://attrition@/attrition?host={quote(socket_folder, safe='')}"
    assert f"DATABASE_URL={at_home}" in lines
    edit(env, [line.replace(at_home, here) for line in lines])
    password = variable(env, "DATABASE_PASSWORD")
    keeper.execute(f"CREATE ROLE attrition LOGIN PASSWORD '{password}'")
    make_database(keeper)

    for command in prepare:
        if command in INSTALLATION:
            continue
        if command.endswith("createsuperuser"):
            # Nobody sits at the terminal to answer it.
            machine.run(
                f"{command} --no-input",
                DJANGO_SUPERUSER_USERNAME=PERSON,
                DJANGO_SUPERUSER_PASSWORD=PASSWORD,
            )
            continue
        said = machine.run(command)
        if " check " in command:
            assert said.startswith("System check identified no issues")

    with machine.serving(serve):
        stranger = Browser(machine.port)
        assert stranger.get("/", https=False).status == 301  # on to HTTPS
        assert stranger.get("/predictions/").status == 302  # on to the sign-in page
        someone = Browser(machine.port)
        someone.sign_in()
        places = [
            someone.post("/predictions/new/", {**EMPLOYEE, "employee_id": f"E-{number}"}).location
            for number in range(3)
        ]
        pages = [someone.get(place) for place in places]
        assert [page.status for page in pages] == [200, 200, 200]
        assert "E-2" in pages[2].text

    records = rows(socket_folder, password)
    assert len(records) == 3
    backup, restore = back
    assert "3 predictions" in machine.run(backup)
    make_database(keeper)
    assert "3 predictions" in machine.run(restore)
    assert rows(socket_folder, password) == records

    with machine.serving(serve):
        someone = Browser(machine.port)
        someone.sign_in()
        again = [someone.get(place) for place in places]
        assert [page.status for page in again] == [200, 200, 200]
        assert [shown(page) for page in again] == [shown(page) for page in pages]
    # It fails where one differs by a bit.
    assert machine.run(".venv/bin/python manage.py replay_predictions").startswith("3 replayed")


def rows(socket_folder, password):
    """Every prediction, to the last column."""
    with psycopg.connect(
        host=socket_folder, dbname="attrition", user="attrition", password=password
    ) as connection:
        return connection.execute("SELECT * FROM predictions_prediction ORDER BY id").fetchall()


def shown(page):
    """What a page says, but for the token of its forms."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.text)
