"""The image, as far as it can be known without a container engine: its file is read, and its steps
are done in a clean folder with the files that the build would get."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from tests.deployment import dockerfiles
from tests.deployment.dockerfiles import IMAGE, SPACE
from tests.deployment.installation import BASE_DIR, STRONG
from tests.processes import free_port, until

BOTH = pytest.mark.parametrize("file", [IMAGE, SPACE])


@BOTH
class TestTheFile:
    def test_hadolint_finds_nothing(self, file):
        linter = Path(sys.executable).with_name("hadolint")
        done = subprocess.run([linter, file], cwd=BASE_DIR, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")

    def test_the_base_is_named_to_the_patch_and_is_the_same_for_both_stages(self, file):
        [base] = dockerfiles.of(file, "ARG", stage=-1)
        assert re.fullmatch(r"PYTHON=python:3\.\d+\.\d+-slim-trixie", base)
        assert base in dockerfiles.of(IMAGE, "ARG", stage=-1)
        assert {text.split()[0] for text in dockerfiles.of(file, "FROM")} == {"${PYTHON}"}

    def test_what_is_copied_is_there_and_let_in(self, file):
        names, _ = dockerfiles.let_in()
        sources = [source for sources, _ in dockerfiles.copied(file) for source in sources]
        assert sources
        assert [name for name in sources if not (BASE_DIR / name).exists()] == []
        assert set(sources) <= names

    def test_dependencies_are_compared_with_their_hashes_and_none_is_built(self, file):
        [install] = [text for text in dockerfiles.of(file, "RUN", stage=0) if "install" in text]
        assert "--require-hashes" in install
        assert "--only-binary :all:" in install

    def test_it_runs_as_another_than_root_and_is_the_first_process_itself(self, file):
        assert dockerfiles.of(file, "USER", stage=1) == ["1000:1000"]
        assert dockerfiles.command(file)[:2] == ["python", "-m"]
        assert not dockerfiles.of(file, "ENTRYPOINT")

    def test_what_runs_holds_no_secret_and_no_pip(self, file):
        told = [*dockerfiles.of(file, "ENV"), *dockerfiles.of(file, "ARG")]
        assert not re.search(r"KEY|PASSWORD|TOKEN|SECRET", " ".join(told))
        assert any("--without-pip" in text for text in dockerfiles.of(file, "RUN", stage=0))

    def test_its_variables_are_documented(self, file):
        example = (BASE_DIR / ".env.example").read_text()
        foreign = {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
        for name in dockerfiles.environment(file).keys() - foreign:
            assert f"\n# {name}=" in example, name

    def test_it_is_asked_by_its_own_entry_point_whether_it_lives(self, file):
        [text] = dockerfiles.of(file, "HEALTHCHECK", stage=1)
        assert text.endswith('CMD ["python", "-m", "attrition_site.serve", "health", "live"]')


def test_nothing_else_gets_into_a_build():
    names, left_out = dockerfiles.let_in()
    wanted = {
        source
        for file in (IMAGE, SPACE)
        for sources, _ in dockerfiles.copied(file)
        for source in sources
    }
    assert names == wanted
    assert {".env", "*.sqlite3", "__pycache__", "*.pyc"} <= set(left_out)


def test_its_version_is_the_product_s(settings):
    assert f"VERSION={settings.VERSION}" in dockerfiles.of(IMAGE, "ARG", stage=1)


def test_its_pg_dump_fits_the_server_of_compose():
    """pg_dump refuses a server of a later major version."""
    [install] = [text for text in dockerfiles.of(IMAGE, "RUN", stage=1) if "apt-get" in text]
    client = re.search(r"postgresql-client-(\d+)=\1\.", install)[1]
    services = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]
    assert services["database"]["image"].startswith(f"postgres:{client}.")


# ------------------------------------------------------------------ the steps, done


@pytest.fixture(scope="module")
def built():
    """The folder /app of the image, made by the file's own steps. Nobody may write there."""
    folder = Path(tempfile.mkdtemp(prefix="attrition-image-"))
    folder.chmod(0o755)
    app = folder / "app"
    app.mkdir()
    _, left_out = dockerfiles.let_in()
    for sources, target in dockerfiles.copied(IMAGE):
        for source in sources:
            if source == "requirements.txt":
                continue  # the interpreter of the tests stands in for what it would install
            here = BASE_DIR / source
            if here.is_dir():
                shutil.copytree(here, app / target, ignore=shutil.ignore_patterns(*left_out))
            else:
                shutil.copy(here, app / target)
    for step in dockerfiles.of(IMAGE, "RUN", stage=0):
        if "pip" in step:
            continue
        for name, here in (
            ("/tmp/", f"{folder}/"),
            ("/app", str(app)),
            ("/opt/venv/bin/python", sys.executable),
            ("$(python", f"$({sys.executable}"),
            (" /opt/venv/lib", ""),
        ):
            step = step.replace(name, here)
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(
            step, shell=True, cwd=app, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    yield app
    shutil.rmtree(folder)


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_styles_are_named_by_their_content_and_compressed(built):
    styles = [name for name in files_in(built / "staticfiles") if name.startswith("css/site.")]
    assert any(re.fullmatch(r"css/site\.[0-9a-f]{12}\.css\.gz", name) for name in styles)


def test_everything_is_compiled_and_the_key_of_the_build_is_gone(built):
    sources = list((built / "attrition_site").glob("*.py"))
    compiled = files_in(built / "attrition_site" / "__pycache__")
    assert all(any(name.startswith(f"{path.stem}.") for name in compiled) for path in sources)
    assert not list(built.rglob("secret_key"))


def read_only(folder):
    """What to put before a command so that the folder is mounted read-only for it.

    The test is skipped where we may mount nothing, neither as root nor in a namespace of users.
    """
    mounted = ["sh", "-c", f'mount --bind -o ro {folder} {folder} && exec "$@"', "-"]
    for privilege in ([], ["--user", "--map-root-user"]):
        before = ["unshare", "--mount", *privilege, *mounted]
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                [*before, "touch", folder / "written"], capture_output=True, text=True
            )
            assert not (folder / "written").exists()
            if "Read-only" in tried.stderr:
                return before
    return pytest.skip("nothing may be mounted read-only here: `unshare` is refused")


# Each role on each database: `test_entry_point`. Here it is where they may write.
@pytest.mark.any_database
def test_it_migrates_serves_and_stops_where_it_can_write_nothing(built, tmp_path, fresh_database):
    before = files_in(built)
    first = read_only(built)
    url, _ = fresh_database
    port = free_port()
    environment = {
        **dockerfiles.environment(IMAGE),
        "PATH": os.environ["PATH"],
        "STATIC_ROOT": str(built / "staticfiles"),
        "VAR_DIR": str(tmp_path),
        "HOME": str(tmp_path),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": url,
        "SECRET_KEY": STRONG,
        "ALLOWED_HOSTS": "attrition.example.org",
        "SECURE_PROXY_SSL_HEADER": "X-Forwarded-Proto",
        "TRUSTED_PROXIES": "1",
        "LOG_LEVEL": "WARNING",
    }
    how = {"cwd": built, "env": environment, "stdin": subprocess.DEVNULL}

    def serve(*role):
        return [*first, sys.executable, "-m", "attrition_site.serve", *role]

    migrated = subprocess.run(serve("migrate"), **how, capture_output=True, text=True)
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr

    _, *arguments = dockerfiles.command(IMAGE)
    web = subprocess.Popen([*first, sys.executable, *arguments], **how)
    try:
        ask_it = serve("health")
        until(
            lambda: subprocess.run(ask_it, **how, capture_output=True).returncode == 0,
            alive=[web],
        )
        page = ask(port, "/accounts/login/")
        style, *_ = re.findall(r'href="(/static/css/site\.\w+\.css)"', page.text)
        baked = ask(port, style)
        assert baked.headers["Content-Encoding"] == "gzip"
        assert "immutable" in baked.headers["Cache-Control"]
    finally:
        web.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        assert web.wait(30) == 0
    assert time.monotonic() - asked < 10
    assert files_in(built) == before


class Answer:
    def __init__(self, response):
        self.headers = dict(response.getheaders())
        self.status, self.text = response.status, response.read().decode(errors="replace")


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        headers = {
            "Host": "attrition.example.org",
            "X-Forwarded-Proto": "https",
            "Accept-Encoding": "gzip",
        }
        connection.request("GET", path, headers=headers)
        response = Answer(connection.getresponse())
        assert response.status == 200, (path, response.status, response.headers)
        return response
