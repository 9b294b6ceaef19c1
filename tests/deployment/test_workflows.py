"""What the workflows and the scripts they run may not do: hide a failure, deliver what was not
checked, hand a secret to a stranger."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
SCRIPTS = [ROOT / ".ci/run", *sorted((ROOT / "deploy").rglob("*.sh"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Every job that must have passed before an image is published, or released.
CHECKS = {"check", "test", "database", "audit"}
ON_MAIN, ON_A_TAG = "github.ref == 'refs/heads/main'", "github.ref_type == 'tag'"

HIDES_A_FAILURE = re.compile(
    r"""
      \|\|\s*(?:true|:|/bin/true|exit\s+0|echo|printf)(?=\s|;|$)
    | ;\s*(?:true|:)\s*$
    | \bset\s+\+[a-z]*[eo]
    | \btrap\s+(?:''|""|-|:|true)\s.*\bERR\b
    | --exit-zero | --soft-fail | --no-fail | --exit-code[\s=]0\b
    | continue-on-error
    | \b(?:always|failure|cancelled)\s*\(\)
    | ^\s*-?(?:true|:)\s*$
    """,
    re.VERBOSE | re.MULTILINE,
)


def workflow(path):
    document = yaml.safe_load(path.read_text())
    # YAML 1.1 reads the key `on` as a truth value.
    document["on"] = document.pop(True)
    return document


def jobs():
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in workflow(path)["jobs"].items()
    ]


def steps(job):
    return job.get("steps", [])


def as_text(thing):
    return yaml.safe_dump(thing, width=10_000)


@pytest.fixture(scope="module")
def delivery():
    return workflow(ROOT / ".github/workflows/ci.yml")


# ------------------------------------------------------------------ failures are seen


@pytest.mark.parametrize("path", [*WORKFLOWS, *SCRIPTS], ids=lambda path: path.name)
def test_nothing_hides_a_failure(path):
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert not HIDES_A_FAILURE.findall("\n".join(lines))


@pytest.mark.parametrize(
    "line",
    [
        "make test || true",
        "make test || :",
        "make test ||  exit 0",
        'make test || echo "never mind"',
        "make test; true",
        "  set +e",
        "set +o pipefail",
        "set +euo pipefail",
        "ruff check --exit-zero .",
        "trivy image --exit-code 0 name",
        "    continue-on-error: true",
        "    if: always()",
        "    if: ${{ !cancelled() }}",
        "    if: failure()",
        "trap '' ERR",
    ],
)
def test_what_hides_a_failure_is_recognised(line):
    assert HIDES_A_FAILURE.search(line)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_stops_at_its_first_failure_and_can_be_run(script):
    assert "\nset -euo pipefail\n" in script.read_text()
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_stops_at_a_failure_inside_a_pipe(path):
    # Only the shell that is named gets `-o pipefail`.
    assert workflow(path)["defaults"]["run"]["shell"] == "bash"
    assert not re.search(r"^\s+shell: (?!bash$)", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_the_shape_that_github_reads(path):
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_accepted_findings_of_the_image_have_a_reason_and_an_end():
    for rule in yaml.safe_load((ROOT / "deploy/grype.yaml").read_text())["ignore"]:
        if rule != {"fix-state": "wont-fix"}:
            assert rule["vulnerability"]
            assert re.search(r"Until \d{4}-\d\d-\d\d\.$", rule["reason"])


# ------------------------------------------------------------------ nothing more than is needed


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_stranger_s_pull_request_meets_no_secret(path):
    document = workflow(path)
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(document["on"])
    assert "secrets" not in as_text({key: document[key] for key in document if key != "jobs"})
    for job in document["jobs"].values():
        if "secrets." in as_text(job):
            assert "environment" in job
            assert "github.event_name == 'push'" in job["if"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_is_allowed_until_a_job_asks_for_it(path):
    assert workflow(path)["permissions"] == {}


@pytest.mark.parametrize("job", jobs())
def test_a_job_may_read_the_code_and_only_what_publishes_may_write(job):
    allowed = dict(job["permissions"])
    assert allowed.pop("contents") == "read"
    assert allowed in ({}, {"packages": "read"}, {"packages": "write"})
    if allowed:
        assert "docker login" in as_text(job)
        assert "pull_request" not in job["if"]
        assert "github.event_name == 'push'" in job["if"]


@pytest.mark.parametrize("job", jobs())
def test_a_job_ends(job):
    assert 0 < job["timeout-minutes"] <= 60


@pytest.mark.parametrize("job", jobs())
def test_only_github_s_own_actions_take_part_each_by_its_commit(job):
    for step in steps(job):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_reader_sees_which_version_a_commit_is(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    versions = {}
    for action, comment in used:
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
        versions.setdefault(action.partition("@")[0], set()).add(action + comment)
    assert all(len(one) == 1 for one in versions.values()), "one version of each action"


@pytest.mark.parametrize("job", jobs())
def test_the_checkout_leaves_no_token_behind(job):
    for step in steps(job):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("job", jobs())
def test_no_text_from_outside_becomes_a_command(job):
    # `${{ … }}` is pasted into the script before the shell reads it. A matrix is our own text.
    for step in steps(job):
        assert not re.search(r"\$\{\{(?!\s*matrix\.)", step.get("run", ""))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_images_that_take_part_are_named_by_digest(path):
    for reference in re.findall(r"^[A-Z_]+=((?:[\w.-]+/)+[\w.-]+:\S+)", path.read_text(), re.M):
        assert re.search(r"@sha256:[0-9a-f]{64}$", reference)


# ------------------------------------------------------------------ what is checked


def test_the_lowest_and_the_highest_python_are_tested_and_the_image_s(delivery):
    lowest, above = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    image = re.search(r"^ARG PYTHON=python:3\.(\d+)", (ROOT / "Dockerfile").read_text(), re.M)[1]
    tested = delivery["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert set(tested) == {f"3.{minor}" for minor in (lowest, image, int(above) - 1)}


def test_both_databases_are_tested_to_the_end(delivery):
    strategy = delivery["jobs"]["test"]["strategy"]
    assert strategy["matrix"]["database"] == ["sqlite", "postgresql"]
    assert strategy["fail-fast"] is False
    assert "exclude" not in strategy["matrix"]


def test_the_postgresql_that_compose_serves_is_tested(delivery):
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    tested = delivery["jobs"]["database"]["services"]["database"]["image"]
    assert {tested} == {services[name]["image"] for name in ("database", "database-user")}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_check_is_what_a_developer_runs(delivery, name):
    targets = re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    databases = delivery["jobs"]["test"]["strategy"]["matrix"]["database"]
    commands = [step["run"] for step in steps(delivery["jobs"][name]) if "run" in step]
    assert commands
    for command in commands:
        for database in databases:
            make, target = command.replace("${{ matrix.database }}", database).split(" ")
            assert make == "make"
            assert target in targets


def test_every_change_is_checked_and_every_working_day(delivery):
    assert set(delivery["on"]) == {"pull_request", "push", "schedule"}
    assert delivery["on"]["pull_request"] is None, "whatever the files it touches"
    for name in CHECKS:
        assert "if" not in delivery["jobs"][name]


@pytest.mark.parametrize(
    ("name", "comes_by"),
    [("image", "build_image"), ("publish", "build_image"), ("release", "published_image")],
)
def test_an_image_is_tried_and_scanned_before_it_goes_on(delivery, name, comes_by):
    commands = "\n".join(step.get("run", "") for step in steps(delivery["jobs"][name]))
    order = [
        commands.index(f"deploy/{script}.sh") for script in (comes_by, "smoke_test", "scan_image")
    ]
    assert order == sorted(order)


def test_every_occasion_has_one_job_for_its_image(delivery):
    assert {name: delivery["jobs"][name]["if"] for name in ("image", "publish", "release")} == {
        "image": "github.event_name != 'push'",
        "publish": f"github.event_name == 'push' && {ON_MAIN}",
        "release": f"github.event_name == 'push' && {ON_A_TAG}",
    }


# ------------------------------------------------------------------ what is delivered


def test_nothing_is_delivered_before_every_check_has_passed(delivery):
    needs = {
        name: set(job["needs"]) for name, job in delivery["jobs"].items() if "environment" in job
    }
    assert needs == {
        "staging": CHECKS | {"publish"},
        "production": CHECKS | {"release"},
        "space": CHECKS | {"release"},
    }
    for name in ("publish", "release"):
        assert set(delivery["jobs"][name]["needs"]) == CHECKS


@pytest.mark.parametrize(
    ("name", "when"),
    [("staging", ON_MAIN), ("production", ON_A_TAG), ("space", ON_A_TAG)],
)
def test_each_place_has_its_environment_and_its_occasion(delivery, name, when):
    job = delivery["jobs"][name]
    assert job["environment"] == name
    assert job["if"] == f"github.event_name == 'push' && {when}"
    assert job["concurrency"] == {"group": name, "cancel-in-progress": False}


@pytest.mark.parametrize(("name", "source"), [("staging", "publish"), ("production", "release")])
def test_what_is_delivered_is_the_image_of_this_run_by_its_digest(delivery, name, source):
    [step] = [step for step in steps(delivery["jobs"][name]) if "run" in step]
    assert step["env"]["IMAGE"] == f"${{{{ needs.{source}.outputs.image }}}}"
    assert step["run"] == 'deploy/over_ssh.sh "$IMAGE"'


def test_staging_and_production_are_rolled_out_alike(delivery):
    staging = as_text(steps(delivery["jobs"]["staging"]))
    production = as_text(steps(delivery["jobs"]["production"]))
    assert staging.replace("needs.publish", "needs.release") == production


def test_production_gets_the_image_that_main_published_and_never_one_built_again(delivery):
    published, released = (
        "\n".join(step.get("run", "") for step in steps(delivery["jobs"][name]))
        for name in ("publish", "release")
    )
    name = '"ghcr.io/${GITHUB_REPOSITORY,,}:$GITHUB_SHA"'
    assert f"deploy/build_image.sh publish {name}" in published
    assert f"deploy/published_image.sh {name}" in released
    assert "build" not in released
    assert delivery["jobs"]["release"]["permissions"]["packages"] == "read"


def test_a_tag_is_verified_before_its_image_is_looked_for(delivery):
    commands = [step.get("run", "") for step in steps(delivery["jobs"]["release"])]
    verified = next(i for i, command in enumerate(commands) if "verify_tag.sh" in command)
    assert verified < next(i for i, command in enumerate(commands) if "docker login" in command)


def test_the_version_is_the_same_wherever_it_is_written():
    assert PROJECT["version"] == settings.VERSION
