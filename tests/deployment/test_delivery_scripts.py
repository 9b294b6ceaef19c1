"""The scripts around a roll-out: over SSH, the build, the scan, the tag, the smoke test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.models import User
from tests.deployment.commands import DEPLOY, Commands

DIGEST = "sha256:" + "ab" * 32
IMAGE = f"ghcr.io/example/attrition@{DIGEST}"


@pytest.fixture
def commands(tmp_path):
    return Commands(tmp_path)


class TestOverSSH:
    @pytest.fixture
    def send(self, commands, tmp_path):
        """Rolls out on another machine: what was left there lies in the folder `seen`."""
        seen = tmp_path / "seen"
        seen.mkdir()
        # What stands after `-i` is the key; the file of known hosts lies beside it.
        commands.stand_in(
            "ssh",
            'while [[ $1 != -i ]]; do shift; done; folder=${2%/*}; cp -p "$folder"/* '
            f'{seen}; printf "%s" "$folder" >{seen}/where; [[ ! -e {seen}/refuse ]]',
        )
        commands.stand_in("scp")

        def run(image=IMAGE, **changes):
            values = {
                "DEPLOY_HOST": "staging.example.org",
                "DEPLOY_USER": "deploy",
                "DEPLOY_FOLDER": "/srv/the attrition",
                "DEPLOY_KEY": "a private key",
                "DEPLOY_KNOWN_HOSTS": "staging.example.org ssh-ed25519 AAAA",
            }
            return commands.run("over_ssh.sh", image, at=tmp_path, **(values | changes)), seen

        return run

    def test_compose_and_the_roll_out_are_sent_then_it_is_run(self, send, commands):
        done, _ = send()
        assert done.returncode == 0, done.stderr
        copy, call = commands.calls
        assert copy.endswith(
            "compose.yaml deploy/roll_out.sh deploy@staging.example.org:/srv/the attrition/"
        )
        assert call.endswith(
            "deploy@staging.example.org cd /srv/the\\ attrition && bash ./roll_out.sh " + IMAGE
        )

    def test_only_the_pinned_host_is_spoken_to(self, send, commands):
        _, seen = send()
        for call in commands.calls:
            for option in (
                "StrictHostKeyChecking=yes",
                "GlobalKnownHostsFile=/dev/null",
                "BatchMode=yes",
                "Port=22",
            ):
                assert f"-o {option}" in call
            assert "-F /dev/null" in call
        assert (seen / "known_hosts").read_text() == "staging.example.org ssh-ed25519 AAAA\n"

    def test_the_key_is_for_its_owner_alone_and_gone_afterwards(self, send, commands):
        done, seen = send()
        assert (seen / "key").stat().st_mode & 0o077 == 0
        assert not Path((seen / "where").read_text()).exists()
        assert "a private key" not in " ".join(commands.calls) + done.stdout + done.stderr

    def test_a_roll_out_that_failed_there_fails_here(self, send, tmp_path):
        (tmp_path / "seen/refuse").touch()
        done, _ = send()
        assert done.returncode != 0

    @pytest.mark.parametrize(
        "missing",
        ["DEPLOY_HOST", "DEPLOY_USER", "DEPLOY_FOLDER", "DEPLOY_KEY", "DEPLOY_KNOWN_HOSTS"],
    )
    def test_without_one_of_its_values_nobody_is_called(self, send, commands, missing):
        done, _ = send(**{missing: ""})
        assert done.returncode != 0
        assert missing in done.stderr
        assert commands.calls == []


class TestBuild:
    @pytest.fixture
    def build(self, commands, tmp_path):
        def run(how, *, metadata):
            written = tmp_path / "metadata.json"
            written.write_text(json.dumps(metadata))
            commands.stand_in(
                "docker",
                f'while (($#)); do [[ $1 != --metadata-file ]] || cp "{written}" "$2"; shift; done',
            )
            return commands.run(
                "build_image.sh", how, "ghcr.io/example/attrition:1234", at=tmp_path
            )

        return run

    def test_what_is_published_says_what_is_in_it_and_how_it_was_made(self, build, commands):
        done = build("publish", metadata={"containerimage.digest": DIGEST})
        assert done.stdout == f"{IMAGE}\n", done.stderr
        call = commands.calls[-1]
        assert " --push " in call
        assert re.search(
            r"--attest type=sbom,generator=docker/buildkit-syft-scanner:\S+@sha256:", call
        )
        assert "--attest type=provenance,mode=max" in call

    @pytest.mark.parametrize("metadata", [{}, {"containerimage.digest": ""}])
    def test_an_image_without_a_digest_is_not_published(self, build, metadata):
        done = build("publish", metadata=metadata)
        assert done.returncode != 0
        assert done.stdout == ""

    def test_what_is_only_tried_stays_here(self, build, commands):
        assert build("here", metadata={}).returncode == 0
        [call] = commands.calls
        assert "--load" in call
        assert "--push" not in call


class TestPublished:
    NAME = "ghcr.io/example/attrition:1234"

    def test_a_tag_is_answered_by_the_digest_that_it_has_there(self, commands, tmp_path):
        commands.stand_in("docker", f"""echo '{json.dumps({"digest": DIGEST})}'""")
        done = commands.run("published_image.sh", self.NAME, at=tmp_path)
        assert done.stdout == f"{IMAGE}\n", done.stderr
        [call] = commands.calls
        assert call.startswith("docker buildx imagetools inspect ")
        assert call.endswith(self.NAME)

    def test_what_is_not_there_is_told_of(self, commands, tmp_path):
        commands.stand_in("docker", "false")
        done = commands.run("published_image.sh", self.NAME, at=tmp_path)
        assert done.returncode != 0
        assert done.stdout == ""
        assert "is not published" in done.stderr

    @pytest.mark.parametrize("answer", ["", "{}", '{"digest": "sha256:1234"}'])
    def test_an_answer_without_a_digest_is_no_image(self, commands, tmp_path, answer):
        commands.stand_in("docker", f"echo '{answer}'")
        done = commands.run("published_image.sh", self.NAME, at=tmp_path)
        assert done.returncode != 0
        assert done.stdout == ""


class TestScan:
    def test_high_findings_fail_and_the_scanner_never_holds_docker_s_socket(
        self, commands, tmp_path
    ):
        commands.stand_in("docker", '[[ "$call" != *" run "* ]]')
        done = commands.run("scan_image.sh", IMAGE, at=tmp_path)
        saved, scanned = commands.calls
        assert saved.startswith("docker image save")
        assert "--fail-on high" in scanned
        assert "docker.sock" not in scanned
        assert done.returncode != 0

    @pytest.mark.parametrize(("until", "accepted"), [("2020-01-31", False), ("2999-01-31", True)])
    def test_an_acceptance_ends(self, commands, tmp_path, until, accepted):
        folder = tmp_path / "deploy"
        folder.mkdir()
        shutil.copy(DEPLOY / "scan_image.sh", folder)
        rule = f'- vulnerability: CVE-2030-1\n  reason: "It is not called. Until {until}."\n'
        (folder / "grype.yaml").write_text(f"# Until 2020-01-01.\nignore:\n{rule}")
        commands.stand_in("docker")

        done = commands.run(str(folder / "scan_image.sh"), IMAGE, at=tmp_path)
        assert (done.returncode == 0) is accepted
        assert bool(commands.calls) is accepted


class TestTag:
    @pytest.fixture
    def verify(self, tmp_path):
        """Verifies a tag in a repository at version 1.2.3, whose main has one commit more."""
        here = tmp_path / "repository"
        (here / "deploy").mkdir(parents=True)
        shutil.copy(DEPLOY / "verify_tag.sh", here / "deploy")
        (here / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.3"\n')
        identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        for who in ("AUTHOR", "COMMITTER"):
            identity |= {f"GIT_{who}_NAME": "alice", f"GIT_{who}_EMAIL": "alice@example.org"}

        def git(*arguments):
            subprocess.run(
                ["git", *arguments],
                cwd=here,
                env=os.environ | identity,
                check=True,
                capture_output=True,
            )

        git("init", "--initial-branch=main")
        git("commit", "--allow-empty", "--message=released")
        git("tag", "--annotate", "--message=released", "v1.2.3")
        git("tag", "v1.2.4")
        git("commit", "--allow-empty", "--message=later")
        git("update-ref", "refs/remotes/origin/main", "HEAD")

        def run(tag, *, beside_main=False):
            if beside_main:
                git("checkout", "--orphan", "beside")
                git("commit", "--allow-empty", "--message=beside")
                git("tag", "--force", tag)
            command = ["bash", "deploy/verify_tag.sh", tag]
            return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)

        return run

    def test_the_version_s_tag_on_main_may_be_released(self, verify):
        assert verify("v1.2.3").returncode == 0

    def test_another_version_may_not(self, verify):
        assert "says version 1.2.3" in verify("v1.2.4").stderr

    def test_what_is_not_on_main_may_not(self, verify):
        assert "is not on main" in verify("v1.2.3", beside_main=True).stderr


class TestSpace:
    @pytest.fixture
    def publish(self, tmp_path):
        """Publishes a small product to a Space that is a folder here."""
        here, there = tmp_path / "product", tmp_path / "spaces/alice/attrition"
        for name, content in {
            "README.md": "the product",
            "manage.py": "",
            "deploy/space/README.md": "the Space",
            "deploy/publish_space.sh": (DEPLOY / "publish_space.sh").read_text(),
        }.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_text(content)
        environment = os.environ | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": f"url.{tmp_path}/spaces/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://alice@huggingface.co/spaces/",
            "GIT_CONFIG_KEY_1": "user.name",
            "GIT_CONFIG_VALUE_1": "alice",
            "GIT_CONFIG_KEY_2": "user.email",
            "GIT_CONFIG_VALUE_2": "alice@example.org",
        }

        def git(*arguments, at=here):
            return subprocess.run(
                ["git", *arguments],
                cwd=at,
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout

        there.mkdir(parents=True)
        git("init", "--bare", "--initial-branch=main", at=there)
        git("init", "--initial-branch=main")
        git("add", "--all")
        git("commit", "--message=released")
        (here / "not committed").touch()

        def run(**changes):
            done = subprocess.run(
                ["bash", "deploy/publish_space.sh"],
                cwd=here,
                env=environment | {"SPACE": "alice/attrition", "SPACE_TOKEN": "hf_1234"} | changes,
                capture_output=True,
                text=True,
                check=False,
            )
            return done, lambda *arguments: git(*arguments, at=there)

        return run

    def test_the_space_has_what_is_committed_with_its_own_files_on_top(self, publish):
        done, there = publish()
        assert done.returncode == 0, done.stderr
        names = there("ls-tree", "-r", "--name-only", "main").split("\n")
        assert "manage.py" in names
        assert "not committed" not in names
        assert there("show", "main:README.md") == "the Space"
        assert "hf_1234" not in done.stdout + done.stderr

    def test_it_is_published_again_over_what_was_there(self, publish):
        publish()
        done, there = publish()
        assert done.returncode == 0, done.stderr
        assert there("rev-list", "--count", "main").strip() == "1"

    @pytest.mark.parametrize(
        "wrong", [{"SPACE": ""}, {"SPACE_TOKEN": ""}, {"SPACE": "evil.example/x@huggingface.co"}]
    )
    def test_without_a_place_or_a_token_nothing_is_sent(self, publish, wrong):
        done, there = publish(**wrong)
        assert done.returncode != 0
        assert there("for-each-ref") == ""


class TestSmokeTest:
    """Against the product itself."""

    @pytest.fixture
    def try_it(self, tmp_path):
        def run(address, password="a long enough password"):
            return subprocess.run(
                [sys.executable, "-I", str(DEPLOY / "smoke_test.py"), address],
                env={**os.environ, "SMOKE_USERNAME": "smoke", "SMOKE_PASSWORD": password},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )

        return run

    @pytest.fixture
    def server(self, live_server, quick_passwords, active_model, settings):
        settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
        settings.SECURE_SSL_REDIRECT = True
        settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
        User.objects.create_superuser("smoke", password="a long enough password")
        return live_server.url

    def test_a_server_that_works_passes(self, server, try_it):
        done = try_it(server)
        assert done.returncode == 0, done.stderr
        assert "predicted, and found the record" in done.stdout

    def test_a_sign_in_that_fails_fails(self, server, try_it):
        assert "nobody is signed in" in try_it(server, password="another").stderr

    def test_a_server_that_does_not_answer_fails(self, try_it):
        done = try_it("http://127.0.0.1:9")
        assert done.returncode == 1
        assert "does not answer" in done.stderr


class TestTheContainersOfTheSmokeTest:
    """With a stand-in for Docker; what they answer is `TestSmokeTest`'s."""

    @pytest.fixture
    def run(self, commands, tmp_path):
        seen = tmp_path / "seen.env"

        def run(*, fails_on="nothing", nor="nothing"):
            commands.stand_in(
                "docker",
                "while [[ $1 != --project-directory ]]; do shift; done; [[ ! -e $2/.env ]] || "
                f'cat "$2/.env" "$2"/secrets/* >{seen}; '
                '[[ "$call" != *" port "* ]] || echo 127.0.0.1:9; '
                f'[[ "$call" != *"{fails_on}"* && "$call" != *"{nor}"* ]]',
            )
            temporary = tmp_path / "temporary"
            temporary.mkdir()
            done = commands.run(
                "smoke_test.sh", "attrition:candidate", at=tmp_path, TMPDIR=str(temporary)
            )
            assert not any(temporary.iterdir()), "its secrets are gone"
            return done, [call.partition("compose.yaml ")[2] for call in commands.calls], seen

        return run

    def test_the_database_is_migrated_before_anything_serves_and_all_is_taken_down(self, run):
        done, calls, _ = run()
        assert [call.partition(" --")[0].split()[0] for call in calls] == [
            "run",  # the migration
            "up",
            "exec",  # the worker's health
            "exec",  # an account
            "port",
            "logs",
            "down",
        ]
        assert calls[0] == "run --rm migrate"
        assert calls[-1] == "down --volumes --remove-orphans"
        assert "does not answer" in done.stderr, "nobody answers at that port here"
        assert done.returncode != 0

    def test_the_settings_are_those_of_production_with_fresh_secrets(self, run):
        _, _, seen = run()
        values = dict(
            line.split("=", 1)
            for line in seen.read_text().splitlines()
            if re.match(r"[A-Z_]+=", line)
        )
        assert values["ATTRITION_ENV"] == "production"
        assert (values["SECURE_PROXY_SSL_HEADER"], values["TRUSTED_PROXIES"]) == (
            "X-Forwarded-Proto",
            "1",
        )
        secrets = re.findall(r"^[0-9a-f]{64}$", seen.read_text(), re.M)
        assert len(set(secrets)) == 3

    @pytest.mark.parametrize("step", ["migrate", " up ", "health worker", "createsuperuser"])
    def test_a_step_that_fails_ends_it_and_leaves_nothing_behind(self, run, step):
        done, calls, _ = run(fails_on=step)
        assert done.returncode != 0
        assert not any("port" in call for call in calls)
        assert calls[-1] == "down --volumes --remove-orphans"

    @pytest.mark.parametrize(("nor", "said"), [(" logs ", "could not be read"), (" down ", "Not")])
    def test_an_end_that_fails_is_said_and_the_rest_of_it_is_done(self, run, nor, said):
        done, calls, _ = run(fails_on="migrate", nor=nor)
        assert done.returncode != 0
        assert said in done.stderr
        assert [call.split()[0] for call in calls] == ["run", "logs", "down"]
