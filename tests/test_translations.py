"""English and French: every text is translated, and what is served is what was translated."""

from __future__ import annotations

import ast
import gettext
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlcore import registry
from mlcore.engine.words import PROBLEMS

LOCALE = Path(__file__).parent.parent / "locale"
CATALOGUE = LOCALE / "fr/LC_MESSAGES/django.po"


def entries(catalogue=CATALOGUE):
    """The fields of each entry of the catalogue, and whether it is a guess."""
    for block in catalogue.read_text().split("\n\n")[1:]:
        fields = {}
        name = None
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if keyword := re.match(r"(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) ", line):
                name = keyword[1]
                line = line[keyword.end() :]
            fields[name] = fields.get(name, "") + line.strip()[1:-1]
        if "msgid" in fields:
            yield {name: ast.literal_eval(f'"{t}"') for name, t in fields.items()}, "fuzzy" in block


def messages(catalogue):
    return [(f.get("msgctxt"), f["msgid"], f.get("msgid_plural")) for f, _ in entries(catalogue)]


def test_every_text_has_a_french_one():
    for fields, fuzzy in entries():
        translated = [text for name, text in fields.items() if name.startswith("msgstr")]
        assert all(translated), fields["msgid"]
        assert not fuzzy, fields["msgid"]


def test_what_is_served_is_what_was_translated():
    with CATALOGUE.with_suffix(".mo").open("rb") as compiled:
        served = gettext.GNUTranslations(compiled)
    for fields, _ in entries():
        message, context = fields["msgid"], fields.get("msgctxt")
        if "msgid_plural" in fields:
            for count, name in ((1, "msgstr[0]"), (2, "msgstr[1]")):
                plural = fields["msgid_plural"]
                said = (
                    served.npgettext(context, message, plural, count)
                    if context
                    else served.ngettext(message, plural, count)
                )
                assert said == fields[name]
        elif context:
            assert served.pgettext(context, message) == fields["msgstr"]
        else:
            assert served.gettext(message) == fields["msgstr"]


def french(content):
    """Every French text in what a JSON file or a table of words holds."""
    for name, value in content.items() if isinstance(content, Mapping) else enumerate(content):
        if name == "fr":
            yield value
        elif isinstance(value, Mapping | list | tuple):
            yield from french(value)


def test_french_typography():
    """A no-break space stands before : ; ? ! % and inside « »; the apostrophe is curly."""
    texts = [t for f, _ in entries() for name, t in f.items() if name.startswith("msgstr")]
    plan = json.loads((registry.BUNDLED_FOLDER.parent / "ibm_plan.json").read_text())
    texts += [*french(PROBLEMS), *french(plan)]
    for text in texts:
        said = re.sub(r"%\(\w+\)s|\{\w+\}|<[^>]+>|https?:\S+", "", text)
        assert not re.search(r"[ ][:;?!%»]|«[ ]|\w[?!;]|\w'\w", said), text


@pytest.mark.skipif(not shutil.which("xgettext"), reason="GNU gettext is not installed")
def test_every_text_of_the_code_is_in_the_catalogue(tmp_path):
    root = LOCALE.parent
    for folder in ("attrition_site", "accounts", "mlcore", "predictions", "templates", "locale"):
        shutil.copytree(root / folder, tmp_path / folder)
    shutil.copy(root / "manage.py", tmp_path)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale", "fr", "--no-obsolete", "-v", "0"],
        cwd=tmp_path,
        env=os.environ | {"VAR_DIR": str(tmp_path / "var")},
        check=True,
    )
    collected = tmp_path / CATALOGUE.relative_to(root)
    assert set(messages(collected)) == set(messages(CATALOGUE))
