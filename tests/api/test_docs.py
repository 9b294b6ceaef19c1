"""Every example of docs/api.md and README.md, run as typed against a live server.

    UPDATE_DOCS=1 pytest tests/api/test_docs.py

writes what is answered into the guide, when a model or a word has changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from accounts.roles import Role
from attrition_site.requests import problems
from tests.accounts.factories import make_person

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "api.md"
README = ROOT / "README.md"
HOST = "http://127.0.0.1:8000"
EXAMPLE = re.compile(
    r"```sh\n(?P<command>(?:(?!```).)*)```\n\n```json (?P<status>\d+)\n(?P<answer>.*?)```", re.S
)

# Different each time: their kind is compared, not their value.
VOLATILE = {"prediction_id", "created_at", "request_id", "next", "previous"}
# Too long for a guide: shown empty.
LONG = {"schema", "card"}


@pytest.fixture
def shell(live_server, active_model, quick_passwords):
    """Runs what a reader would type: the JSON that is answered, and the status."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    make_person(Role.API, username="api", password=settings.DEMO_PASSWORD)

    def run(sign_in, command):
        # But one whose answer is a part of the command.
        show_status = "((BASH_SUBSHELL)) || set -- -w '\\n%{http_code}' \"$@\""
        script = f'curl() {{ {show_status}; command curl "$@"; }}\n{sign_in}\n{command}'
        answer = subprocess.run(
            [
                "bash",
                "-euo",
                "pipefail",
                "-c",
                script.replace(HOST, live_server.url),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        body, _, status = answer.stdout.rpartition("\n")
        return json.loads(body), status

    return run


def test_the_readme_s_request_is_answered_as_the_guide_shows(shell):
    blocks = re.findall(r"^```\w*\n(.*?)^```", README.read_text(), re.M | re.S)
    requests = [block for block in blocks if block.startswith("curl ")]
    assert requests
    shown = next(e for e in EXAMPLE.finditer(GUIDE.read_text()) if e["status"] == "201")
    for request in requests:
        assert HOST in request
        answered, status = shell("", request)
        assert status == "201", answered
        assert answered.keys() == json.loads(shown["answer"]).keys()


def test_the_examples_answer_what_the_guide_shows(shell):
    guide = GUIDE.read_text()
    sign_in = re.search(r"```sh\n(TOKEN=.*?)```", guide, re.S).group(1)
    examples = list(EXAMPLE.finditer(guide))
    assert len(examples) == guide.count("```sh") - 1 == 6

    for example in examples:
        shown = json.loads(example["answer"])
        answered, status = shell(sign_in, example["command"])
        assert status == example["status"], answered
        told = as_told(answered, shown)
        if os.environ.get("UPDATE_DOCS"):
            fence = f"```json {status}\n"
            guide = guide.replace(
                example["command"] + "```\n\n" + fence + example["answer"],
                example["command"] + "```\n\n" + fence + written(told) + "\n",
            )
        else:
            assert shown == told, "UPDATE_DOCS=1 pytest tests/api/test_docs.py writes it anew"
            assert example["answer"] == written(told) + "\n"
    if os.environ.get("UPDATE_DOCS"):
        GUIDE.write_text(guide)


def test_the_guide_names_every_kind_of_refusal():
    guide = GUIDE.read_text()
    for status in problems.TITLES:
        assert re.search(rf"^\| [^|]*\b{status}\b", guide, re.M), status


def as_told(answered, shown):
    """What the guide should show: its own value where each answer has another of the same kind."""
    if isinstance(answered, dict):
        known = shown if isinstance(shown, dict) else {}
        return {
            name: {}
            if name in LONG
            else known[name]
            if name in VOLATILE & known.keys() and type(known[name]) is type(value)
            else as_told(value, known.get(name))
            for name, value in answered.items()
        }
    if isinstance(answered, list):
        known = shown if isinstance(shown, list) else []
        return [as_told(v, known[n] if n < len(known) else None) for n, v in enumerate(answered)]
    return answered


def written(value, indent=""):
    """JSON as people set it: what fits on a line stands on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= 92 or not isinstance(value, (dict, list)) or not value:
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(k)}: {written(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{indent}}}"
    items = [written(item, inner) for item in value]
    if all(isinstance(item, str) for item in value):
        rows = [""]
        for item in items:
            if rows[-1] and len(inner + rows[-1] + item) > 92:
                rows.append("")
            rows[-1] += (" " if rows[-1] else "") + item + ","
        return "[\n" + "\n".join(inner + row for row in rows)[:-1] + f"\n{indent}]"
    return "[\n" + ",\n".join(inner + item for item in items) + f"\n{indent}]"
