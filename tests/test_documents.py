"""What the documents point at is there: files, sections, commands."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

BASE_DIR = Path(__file__).resolve().parent.parent
DOCUMENTS = [BASE_DIR / "README.md", *sorted((BASE_DIR / "docs").glob("*.md"))]


def sections(document):
    """The names under which the headings of a document can be linked to."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"\w+:", target):
            continue  # to the outside
        path, _, section = target.partition("#")
        file = document.parent / path if path else document
        assert file.exists(), f"{document.name}: {target}"
        assert not section or section in sections(file), f"{document.name}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_command_exists(document):
    text = document.read_text()
    for command in re.findall(r"manage\.py ([a-z]\w+)", text):
        assert command in get_commands(), f"{document.name}: manage.py {command}"
    targets = set(re.findall(r"(?m)^([a-z][a-z-]*):", (BASE_DIR / "Makefile").read_text()))
    for target in re.findall(r"`make ([a-z][a-z-]*)", text):
        assert target in targets, f"{document.name}: make {target}"
    for module in re.findall(r"python3? -m (attrition_site[\w.]*|tests[\w.]*)", text):
        file = BASE_DIR / (module.replace(".", "/") + ".py")
        assert file.is_file(), f"{document.name}: {module}"
