"""How an image is put to work on a host, and what is at work when that fails."""

from __future__ import annotations

import fcntl

import pytest

from tests.deployment.commands import Commands

OLD = "ghcr.io/example/attrition@sha256:" + "01d0" * 16
NEW = "ghcr.io/example/attrition@sha256:" + "ffff" * 16


@pytest.fixture
def host(tmp_path):
    """A host with compose.yaml, where images come and go."""
    return Host(tmp_path)


class Host:
    def __init__(self, folder):
        self.folder = folder / "attrition"
        self.folder.mkdir()
        for name in ("compose.yaml", ".env"):
            (self.folder / name).touch()
        self.commands = Commands(folder)
        self.works()

    def works(self):
        self.commands.stand_in("docker")

    def fails_on(self, what, *images, nor=None):
        """Docker refuses what looks so, for these images; `nor` what looks so either."""
        called = " || ".join(f'"$call" == *"{part}"*' for part in (what, nor) if part)
        named = " || ".join(f'"$ATTRITION_IMAGE" == "{image}"' for image in images)
        self.commands.stand_in("docker", f"! [[ ({called}) && ({named}) ]]")

    def roll_out(self, image, *, expect):
        self.commands.forget()
        done = self.commands.run("roll_out.sh", image, at=self.folder)
        assert (done.returncode == 0) is expect, done.stdout + done.stderr
        return done

    def at_work(self, name="release.env"):
        file = self.folder / name
        return file.read_text() if file.exists() else None


def named(image):
    return f"ATTRITION_IMAGE={image}\n"


def test_the_database_is_migrated_once_then_the_image_is_put_to_work_and_asked(host):
    host.roll_out(NEW, expect=True)

    assert host.commands.calls == [
        "[ffff] docker compose pull web worker migrate",
        "[ffff] docker compose run --rm migrate",
        "[ffff] docker compose up --detach --no-deps --wait --wait-timeout 180 web worker",
        "[ffff] docker compose exec --no-TTY web python -m attrition_site.serve health",
    ]
    assert host.at_work() == named(NEW)


def test_the_image_before_is_remembered_and_comes_back(host):
    host.roll_out(OLD, expect=True)
    host.roll_out(NEW, expect=True)
    assert host.at_work("release.previous.env") == named(OLD)

    host.roll_out("--back", expect=True)
    assert host.at_work() == named(OLD)
    assert not any("migrate" in call and "run" in call for call in host.commands.calls)


def test_the_same_image_again_does_not_lose_the_one_before(host):
    for image in (OLD, NEW, NEW):
        host.roll_out(image, expect=True)
    assert host.at_work("release.previous.env") == named(OLD)


@pytest.mark.parametrize("what", ["compose pull", "compose run"])
def test_what_fails_before_the_change_changes_nothing(host, what):
    host.roll_out(OLD, expect=True)
    host.fails_on(what, NEW)

    host.roll_out(NEW, expect=False)
    assert host.at_work() == named(OLD)
    assert not any(" up " in call for call in host.commands.calls)


@pytest.mark.parametrize("what", ["compose up", "attrition_site.serve health"])
def test_an_unhealthy_image_makes_way_for_the_one_before_and_the_run_fails(host, what):
    host.roll_out(OLD, expect=True)
    host.fails_on(what, NEW)

    done = host.roll_out(NEW, expect=False)
    assert f"Rolled back: {OLD} is at work." in done.stderr
    assert [call for call in host.commands.calls if "[01d0]" in call] == [
        "[01d0] docker compose up --detach --no-deps --wait --wait-timeout 180 web worker",
        "[01d0] docker compose exec --no-TTY web python -m attrition_site.serve health",
    ]
    assert any("logs" in call for call in host.commands.calls), "what it said is kept"
    assert host.at_work() == named(OLD)
    assert host.at_work("release.previous.env") is None


def test_what_an_image_said_cannot_be_read_and_the_one_before_is_back_at_work(host):
    host.roll_out(OLD, expect=True)
    host.fails_on("compose up", NEW, nor="compose logs")

    done = host.roll_out(NEW, expect=False)
    assert "could not be read" in done.stderr
    assert f"Rolled back: {OLD} is at work." in done.stderr
    assert host.commands.calls[-1].startswith("[01d0] docker compose exec")
    assert host.at_work() == named(OLD)


def test_it_is_said_when_going_back_fails_too(host):
    host.roll_out(OLD, expect=True)
    host.fails_on("compose up", OLD, NEW)
    assert "nothing serves" in host.roll_out(NEW, expect=False).stderr


def test_it_is_said_when_there_is_nothing_to_go_back_to(host):
    host.fails_on("compose up", NEW)
    done = host.roll_out(NEW, expect=False)
    assert "no image before it" in done.stderr
    assert host.at_work() is None
    assert "No image was at work" in host.roll_out("--back", expect=False).stderr


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/example/attrition:latest",
        "ghcr.io/example/attrition@sha256:0123",
        f"{NEW}; touch taken",
        "--privileged",
        "",
    ],
)
def test_only_a_digest_is_rolled_out(host, image):
    host.roll_out(image, expect=False)
    assert host.commands.calls == []
    assert not (host.folder / "taken").exists()


@pytest.mark.parametrize("missing", ["compose.yaml", ".env"])
def test_a_folder_that_is_not_the_installation_is_refused(host, missing):
    (host.folder / missing).unlink()
    assert f"There is no {missing}" in host.roll_out(NEW, expect=False).stderr
    assert host.commands.calls == []


def test_two_at_once_do_not_meet(host):
    with (host.folder / "roll_out.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another roll-out is under way" in host.roll_out(NEW, expect=False).stderr
    assert host.commands.calls == []
