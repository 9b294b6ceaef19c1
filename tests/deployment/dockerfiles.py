"""A Dockerfile as its instructions, and what of the repository reaches its build."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass

from tests.deployment.installation import BASE_DIR

IMAGE, SPACE = "Dockerfile", "deploy/space/Dockerfile"


@dataclass(frozen=True)
class Instruction:
    """`stage` counts from 0; `text` is one line, whatever the file makes of it."""

    stage: int
    name: str
    text: str


def instructions(file):
    lines = (BASE_DIR / file).read_text().splitlines()
    joined = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    stage, found = -1, []
    for line in re.sub(r"\\\n\s*", "", joined).splitlines():
        if not line.strip():
            continue
        name, _, text = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(stage, name, text.strip()))
    return found


def of(file, name, *, stage=None):
    return [
        one.text for one in instructions(file) if one.name == name and stage in {None, one.stage}
    ]


def environment(file):
    """The variables of the last stage, as they are written."""
    return dict(
        part.split("=", 1) for text in of(file, "ENV", stage=1) for part in shlex.split(text)
    )


def command(file, name="CMD"):
    """The exec form of CMD; raises ValueError for a shell's."""
    [text] = of(file, name, stage=1)
    return json.loads(text)


def copied(file):
    """What the build takes from the repository, as (sources, target)."""
    for text in of(file, "COPY", stage=0):
        *sources, target = text.split()
        yield sources, target


def let_in():
    """What .dockerignore lets into the build: it names all that it does, and nothing else."""
    first, *lines = [
        line
        for line in (BASE_DIR / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert first == "*"
    return {line[1:] for line in lines if line[0] == "!"}, [
        line.removeprefix("**/") for line in lines if line[0] != "!"
    ]
