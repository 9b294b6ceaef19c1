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

pytestmark = pytest.mark.no_database

ROOT = Path(settings.BASE_DIR)
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.y*ml"))
SCRIPTS = [ROOT / ".ci/run", *sorted((ROOT / "deploy").rglob("*.sh"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Every job that must have passed before anything is delivered.
CHECKS = {"check", "test", "audit", "publish"}

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
    assert allowed in ({}, {"packages": "write"})
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


@pytest.mark.parametrize("name", ["check", "test", "audit"])
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
    for name in ("check", "test", "audit"):
        assert "if" not in delivery["jobs"][name]


@pytest.mark.parametrize("name", ["image", "publish"])
def test_an_image_is_tried_and_scanned_after_it_was_built(delivery, name):
    commands = "\n".join(step.get("run", "") for step in steps(delivery["jobs"][name]))
    order = [
        commands.index(f"deploy/{script}.sh")
        for script in ("build_image", "smoke_test", "scan_image")
    ]
    assert order == sorted(order)


def test_a_change_that_is_not_pushed_has_its_image_tried_too(delivery):
    assert delivery["jobs"]["image"]["if"] == "github.event_name != 'push'"
    assert delivery["jobs"]["publish"]["if"] == "github.event_name == 'push'"


# ------------------------------------------------------------------ what is delivered


def test_nothing_is_delivered_before_every_check_has_passed(delivery):
    delivering = {name: job for name, job in delivery["jobs"].items() if "environment" in job}
    assert {"staging", "production", "space"} == set(delivering)
    for name, job in delivering.items():
        assert set(job["needs"]) >= CHECKS, name
    assert set(delivery["jobs"]["publish"]["needs"]) >= CHECKS - {"publish"}


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("staging", "github.ref == 'refs/heads/main'"),
        ("production", "github.ref_type == 'tag'"),
        ("space", "github.ref_type == 'tag'"),
    ],
)
def test_each_place_has_its_environment_and_its_occasion(delivery, name, when):
    job = delivery["jobs"][name]
    assert job["environment"] == name
    assert job["if"] == f"github.event_name == 'push' && {when}"
    assert job["concurrency"] == {"group": name, "cancel-in-progress": False}


@pytest.mark.parametrize("name", ["staging", "production"])
def test_what_is_delivered_is_the_image_of_this_run_by_its_digest(delivery, name):
    [step] = [step for step in steps(delivery["jobs"][name]) if "run" in step]
    assert step["env"]["IMAGE"] == "${{ needs.publish.outputs.image }}"
    assert step["run"] == 'deploy/over_ssh.sh "$IMAGE"'


def test_staging_and_production_are_rolled_out_alike(delivery):
    assert steps(delivery["jobs"]["staging"]) == steps(delivery["jobs"]["production"])


def test_a_tag_is_verified_before_anything_is_published(delivery):
    commands = [step.get("run", "") for step in steps(delivery["jobs"]["publish"])]
    verified = next(i for i, command in enumerate(commands) if "verify_tag.sh" in command)
    assert verified < next(i for i, command in enumerate(commands) if "docker login" in command)


def test_the_version_is_the_same_wherever_it_is_written():
    assert PROJECT["version"] == settings.VERSION
