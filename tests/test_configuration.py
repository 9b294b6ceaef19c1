"""What is installed is written down, to the byte."""

import re
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["requirements", "requirements-demo", "requirements-dev"])
def test_a_lock_pins_every_file_and_names_no_place(name):
    text = (BASE_DIR / f"{name}.txt").read_text()
    requirements = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
    assert all(re.match(r"[a-z0-9-]+==\S+ (; .+ )?\\$", line) for line in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)
    assert not re.search(r"://|--(index|extra|find|trusted)|file:|/", text)
    for wanted in (BASE_DIR / f"{name}.in").read_text().splitlines():
        if pinned := re.match(r"([a-z0-9-]+)(?:\[.*\])?(==\S+)", wanted):
            assert f"\n{pinned[1]}{pinned[2]} " in text
