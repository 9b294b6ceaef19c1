"""compose.yaml: what it promises, held against its schema, the settings and PostgreSQL."""

import os
import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.deployment import dockerfiles
from tests.deployment.installation import BASE_DIR
from tests.postgres import programs

COMPOSE = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {"migrate", "web", "worker"}
# Told by compose itself, or of no use where it runs.
NOT_PASSED_ON = {
    "DATABASE_PASSWORD",
    "DATABASE_URL_FILE",
    "DEBUG",
    "DEMO_PASSWORD",
    "JWT_SIGNING_KEY",
    "JWT_SIGNING_KEY_FILE",
    "SECRET_KEY",
}

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


class TestTheFile:
    def test_it_follows_the_schema(self):
        checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
        done = subprocess.run(
            [*checker, "vendor.compose-spec", "compose.yaml"],
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout

    def test_every_variable_is_documented_and_every_documented_one_is_passed_on(self):
        example = (BASE_DIR / ".env.example").read_text()
        documented = set(re.findall(r"^# ([A-Z][A-Z_]+)=", example, re.M))
        told = set(SERVICES["web"]["environment"])
        by_the_image = dockerfiles.environment(dockerfiles.IMAGE).keys()
        assert told - documented == set()
        assert documented - told - by_the_image == NOT_PASSED_ON

    @pytest.mark.parametrize("name", sorted(OURS))
    def test_secrets_come_from_files_alone(self, name):
        environment = SERVICES[name]["environment"]
        for variable in ("SECRET_KEY", "DATABASE_PASSWORD"):
            secret = environment[f"{variable}_FILE"].removeprefix("/run/secrets/")
            assert secret in SERVICES[name]["secrets"]
            assert "file" in COMPOSE["secrets"][secret]
        assert ":" not in urlsplit(environment["DATABASE_URL"]).netloc.partition("@")[0]

    @each_service
    def test_each_service_can_do_little(self, name):
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert "cap_add" not in service
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
        assert service["restart"]

    @each_service
    def test_each_image_is_named_to_the_last_number(self, name):
        image = SERVICES[name]["image"]
        assert image == "${ATTRITION_IMAGE:-attrition:local}" or re.fullmatch(
            r"postgres:\d+\.\d+-trixie", image
        )

    @each_service
    def test_whoever_is_waited_for_says_when(self, name):
        for other, how in SERVICES[name].get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"].startswith("on-failure")

    def test_everything_that_serves_waits_for_the_migration(self):
        for name in ("web", "worker"):
            waits = SERVICES[name]["depends_on"]["migrate"]
            assert waits == {"condition": "service_completed_successfully"}

    def test_the_web_server_alone_is_reached_and_from_this_machine_alone(self):
        assert {name for name in SERVICES if "ports" in SERVICES[name]} == {"web"}
        assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])
        assert COMPOSE["networks"]["inside"]["internal"] is True
        assert all(SERVICES[name]["networks"] == ["inside"] for name in SERVICES if name != "web")

    def test_two_workers_share_the_work_and_every_role_is_known(self):
        assert SERVICES["worker"]["deploy"]["replicas"] == 2
        for name in OURS:
            assert SERVICES[name]["command"] == ["python", "-m", "attrition_site.serve", name]

    def test_the_data_outlive_the_containers(self):
        [volume] = SERVICES["database"]["volumes"]
        assert volume == "database:/var/lib/postgresql/data"
        assert "database" in COMPOSE["volumes"]


class TestTheCommandsForBackups:
    """Those of the documentation, held against the file: no engine runs them here."""

    DOCUMENT = (BASE_DIR / "docs" / "operations.md").read_text()
    COMMAND = re.compile(
        r"^docker compose run --rm --no-deps --volume \"\$PWD/(?P<folder>\w+):(?P<inside>/\w+)\""
        r" (?P<service>\w+) python manage\.py (?P<what>backup|restore) (?P<file>\S+)"
        r"(?: --replace (?P<database>\w+))?$",
        re.M,
    )

    def commands(self):
        return {found["what"]: found for found in self.COMMAND.finditer(self.DOCUMENT)}

    def test_there_is_one_each_way(self):
        assert self.commands().keys() == {"backup", "restore"}
        assert self.DOCUMENT.count("docker compose run") == len(self.commands())

    @pytest.mark.parametrize("what", ["backup", "restore"])
    def test_the_file_lies_in_the_folder_that_is_mounted(self, what):
        command = self.commands()[what]
        service = SERVICES[command["service"]]
        assert os.path.dirname(command["file"]) == command["inside"]
        # Elsewhere nothing can be written to, or nothing outlives the container.
        in_memory = {place.partition(":")[0] for place in service["tmpfs"]}
        assert service["read_only"] is True
        assert command["inside"] not in in_memory
        database = urlsplit(service["environment"]["DATABASE_URL"]).path.strip("/")
        assert command["database"] in {None, database}

    def test_the_folder_belongs_to_the_user_of_the_image_and_is_not_committed(self):
        [made] = re.findall(r"^sudo install --directory (.*)$", self.DOCUMENT, re.M)
        [user] = dockerfiles.of(dockerfiles.IMAGE, "USER")
        uid, gid = user.split(":")
        folder = self.commands()["backup"]["folder"]
        assert made == f"--owner {uid} --group {gid} --mode 700 {folder}"
        assert f"/{folder}/" in (BASE_DIR / ".gitignore").read_text().splitlines()

    def test_whoever_uses_the_database_is_stopped_before_the_way_back(self):
        before = self.DOCUMENT[: self.commands()["restore"].start()].splitlines()[-1]
        stopped = set(before.removeprefix("docker compose stop ").split())
        assert stopped == {name for name in OURS if SERVICES[name]["restart"] == "unless-stopped"}


def test_the_secrets_are_made_for_the_containers_and_stay(tmp_path):
    def make():
        script = BASE_DIR / "deploy" / "make_secrets.sh"
        return subprocess.run([script, tmp_path], capture_output=True, text=True, check=True)

    make()
    folder = tmp_path / "secrets"
    first = {file.name: file.read_text() for file in folder.iterdir()}
    assert {f"./secrets/{name}" for name in first} == {
        secret["file"] for secret in COMPOSE["secrets"].values()
    }
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", text) for text in first.values())
    # Containers read them as users that have no name here; nobody else comes into the folder.
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}
    assert make().stdout == ""
    assert {file.name: file.read_text() for file in folder.iterdir()} == first


@pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="It asks PostgreSQL."
)
class TestTheProductSUser:
    """What the service `database-user` does, with the server of the tests."""

    @pytest.fixture
    def make(self, tmp_path, server_url):
        import psycopg

        [*shell, script] = SERVICES["database-user"]["command"]
        # Its own names are taken by nobody else's tests; compose writes $$ for $.
        script = script.replace("$$", "$").replace("attrition", "attrition_compose")
        url = urlsplit(server_url)
        host = parse_qs(url.query)["host"][0]

        def make(password):
            (tmp_path / "database_password").write_text(f"{password}\n")
            (tmp_path / "postgres_password").write_text("not asked for\n")
            environment = {
                "PATH": f"{programs()}:{os.environ['PATH']}",
                "PGHOST": host,
                "PGUSER": "postgres",
                "PGDATABASE": "postgres",
                "SECRETS": str(tmp_path),
            }
            return subprocess.run([*shell, script], env=environment, capture_output=True, text=True)

        def ask(sql):
            with psycopg.connect(
                host=host, user="postgres", dbname="postgres", autocommit=True
            ) as connection:
                found = connection.execute(sql)
                return found.fetchall() if found.description else None

        make.ask = ask
        yield make
        ask("DROP DATABASE IF EXISTS attrition_compose")
        ask("DROP ROLE IF EXISTS attrition_compose")

    def test_it_owns_its_database_and_nothing_more(self, make):
        done = make('it\'s "a" $word of \\many `signs`')
        assert (done.returncode, done.stderr) == (0, "")
        assert make.ask(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolcanlogin FROM pg_roles"
            " WHERE rolname = 'attrition_compose'"
        ) == [(False, False, False, True)]
        assert make.ask(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'attrition_compose'"
        ) == [("attrition_compose",)]

    def test_once_more_changes_the_password_alone(self, make):
        def stored():
            return make.ask("SELECT rolpassword FROM pg_authid WHERE rolname = 'attrition_compose'")

        make("one-password-of-it")
        before = stored()
        done = make("another-password")
        assert (done.returncode, done.stderr) == (0, "")
        assert stored() != before
