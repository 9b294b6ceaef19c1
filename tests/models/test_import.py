"""A model made elsewhere is checked as data: nothing in it is executed, nothing half registered."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import re
import zipfile

import pytest
from django.core.management import CommandError, call_command

from mlcore import registry, services
from mlcore.engine import artifact
from mlcore.engine.artifact import FILES, MANIFEST, ArtifactError
from mlcore.engine.drafting.header_words import feature_name
from mlcore.engine.schema import CleanFrame, SchemaError
from mlcore.engine.soundness import RESERVED_NAMES
from mlcore.models import ModelFiles, ModelVersion


@pytest.fixture(scope="session")
def files():
    return artifact.read(registry.BUNDLED_FOLDER)


def zipped(files, *, folder="", method=zipfile.ZIP_DEFLATED):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", method) as packed:
        for name, content in files.items():
            packed.writestr(f"{folder}{name}", content)
    return archive.getvalue()


def sealed(files, **changed):
    """The files with other contents (JSON data by part), under a manifest that agrees."""
    files = dict(files)
    for part, content in changed.items():
        files[f"{part}.json"] = json.dumps(content).encode()
    manifest = json.loads(files[MANIFEST])
    manifest["files"] = {n: artifact._hash(c) for n, c in files.items() if n != MANIFEST}
    files[MANIFEST] = json.dumps(manifest).encode()
    return files


def part(files, name):
    return json.loads(files[f"{name}.json"])


class TestFromElsewhere:
    def test_a_folder(self, make_folder, carol):
        version = services.import_model(make_folder("spring"), by=carol)
        assert (version.origin, version.registered_by) == ("imported", carol)
        assert registry.load(version.pk, version.sha256).sha256 == version.sha256

    @pytest.mark.parametrize("folder", ["", "spring/", "../../spring/", "/etc/", "C:\\spring/"])
    def test_an_archive_whatever_its_paths_say(self, files, folder, db, tmp_path):
        file = tmp_path / "model.zip"
        file.write_bytes(zipped(files, folder=folder))
        assert services.import_model(file) == services.import_model(file.read_bytes())
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model.zip"]

    def test_what_lies_beside_it_in_the_archive_is_left_there(self, files, db):
        more = {**files, "__MACOSX/._card.json": b"x", "notes.txt": b"mine", ".DS_Store": b""}
        version = services.import_model(zipped(more))
        assert artifact.unpack(bytes(version.files.content)) == files

    def test_it_is_not_active_for_that(self, active_model, make_folder):
        services.import_model(make_folder("spring"))
        assert registry.active().version == active_model.version

    def test_one_that_is_known_stays_what_it_was(self, active_model, files):
        version = services.import_model(zipped(files))
        assert (version.pk, version.origin) == (active_model.id, "bundled")

    def test_by_the_command(self, make_folder, db):
        told = io.StringIO()
        call_command("import_model", str(make_folder("spring")), stdout=told)
        assert f"activate_model {ModelVersion.objects.get()}" in told.getvalue()

    @pytest.mark.parametrize("path", ["nowhere", "", "/dev/zero", "/dev/null"])
    def test_the_command_says_what_it_cannot_read(self, db, tmp_path, path):
        with pytest.raises(CommandError):
            call_command("import_model", str(tmp_path / path))
        assert not ModelVersion.objects.exists()


class TestRefused:
    @pytest.fixture
    def refuse(self, db):
        def refuse(source, match=None):
            with pytest.raises(ArtifactError, match=match):
                services.import_model(source if isinstance(source, bytes) else zipped(source))
            assert not ModelVersion.objects.exists()
            assert not ModelFiles.objects.exists()

        return refuse

    @pytest.mark.parametrize("missing", FILES)
    def test_too_few_files(self, files, refuse, missing):
        refuse({name: files[name] for name in FILES if name != missing}, f"lacks {missing}")

    def test_a_file_twice(self, files, refuse):
        refuse({**files, "other/card.json": files["card.json"]}, "twice")

    def test_an_altered_file(self, files, refuse):
        altered = files["model.json"].replace(b"1", b"2", 1)
        refuse({**files, "model.json": altered}, "altered")

    def test_a_bomb(self, files, refuse):
        """16 MB of archive may not become gigabytes, whatever their names and sizes say."""
        bomb = zipped({**files, "card.json": b" " * (artifact.LARGEST_FILE + 1)})
        assert len(bomb) < 200_000
        refuse(bomb, "larger than any")

    def test_a_bomb_that_lies_about_its_size(self, files, refuse):
        bomb = zipped({**files, "card.json": b" " * (artifact.LARGEST_FILE + 1)})
        size = (artifact.LARGEST_FILE + 1).to_bytes(4, "little")
        refuse(bomb.replace(size, (100).to_bytes(4, "little")))

    def test_a_crowd(self, files, refuse):
        refuse({**files, **{f"{n}.txt": b"" for n in range(120)}}, "more than a model")

    def test_a_monster(self, refuse):
        refuse(b"PK\x03\x04" + bytes(artifact.LARGEST_ARCHIVE), "larger than any")

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_an_unusual_compression(self, files, refuse, method):
        refuse(zipped(files, method=method), "unusual")

    def test_an_encrypted_one(self, files, refuse):
        archive = bytearray(zipped(files))
        place = archive.find(b"PK\x01\x02")
        while place >= 0:
            archive[place + 8] |= 1
            place = archive.find(b"PK\x01\x02", place + 4)
        refuse(bytes(archive), "encrypted")

    @pytest.mark.parametrize("name", FILES)
    def test_a_pickle_is_never_opened(self, files, refuse, name, tmp_path):
        trace = tmp_path / "executed"

        class Bomb:
            def __reduce__(self):
                return os.system, (f"touch {trace}",)

        refuse({**files, name: pickle.dumps(Bomb())})
        refuse(pickle.dumps(Bomb()), "ZIP")
        assert not trace.exists()

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"name": "../../etc"}, "its name"),
            ({"name": "<script>"}, "its name"),
            ({"name": "x" * 41}, "its name"),
            ({"name": 3}, "its name"),
            ({"name": None}, "its name"),
            ({"title": "IBM"}, "its title"),
            ({"title": {"en": 3}}, "its title"),
            ({"source": ["a"]}, "its source"),
            ({"rows": "many"}, "card.rows"),
            ({"rows": True}, "card.rows"),
            ({"rows": 1, "leavers": 2}, "more left"),
            ({"rows": 10**400}, "too large|not a model"),
            ({"inputs": {"a": 1}}, "card.inputs"),
            ({"inputs": [1]}, r"card.inputs\[0\]"),
            ({"left_out": {"Pay": "because"}}, r"card.left_out.Pay"),
            ({"evaluation": []}, "card.evaluation"),
            ({"evaluation": {"metrics": {"roc_auc": 0.9}}}, "roc_auc"),
            ({"evaluation": {"curves": {"roc": [{"x": 2, "y": 0}]}}}, r"roc\[0\].x"),
            (
                {"evaluation": {"operating": {"thresholds": [0.1], "listed": [], "leavers": []}}},
                "one length",
            ),
            ({"fairness": {"age": {"label": {}, "groups": [{}]}}}, "lacks value"),
            ({"not_for": ["hiring"]}, "not_for"),
            ({"duplicates": {"a": 1}}, "duplicates lacks rows"),
            ({"duplicates": {"rows": "x"}}, "duplicates.rows"),
            ({"set_aside": {"no_answer": 1}}, "set_aside lacks unreadable"),
            ({"set_aside": {"unreadable": 1}}, "set_aside lacks no_answer"),
            ({"pairs_tried": "many"}, "pairs_tried"),
            ({"compiled": {"roc_auc_gap": 0}}, "lacks largest_probability_gap"),
            ({"density": {"age": {"edges": [1, 2], "counts": [1, 2]}}}, "between two edges"),
            ({"density": {"job": {"answers": [["a", 1, 2]]}}}, "answer with its count"),
            ({"evaluation": {"metrics": {"brier": {"mean": 1, "low": 0}}}}, "two ends"),
            ({"note": "a\x00b"}, "cannot be stored"),
            ({"note": "\ud800"}, "cannot be stored"),
            ({"\ud800": 1}, "cannot be stored"),
            ({"note": float("nan")}, "NaN is no number"),
            ({"note": "x" * 20_000}, "too long"),
            ({"note": json.loads("[" * 100 + "]" * 100)}, "nested"),
        ],
    )
    def test_a_card_that_cannot_be_stored_or_shown(self, files, refuse, change, why):
        refuse(sealed(files, card=part(files, "card") | change), why)

    def test_a_number_too_large_for_a_float(self, files, refuse):
        card = files["card.json"].replace(b'"rows": 1470', b'"rows": 1470, "x": 1e999')
        files = {**files, "card.json": card}
        refuse(sealed(files), "not finite")

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda s: s.update(features=[]), "features"),
            (lambda s: s.update(features=s["features"] * 60), "unique"),
            (lambda s: s["features"][0].update(name="a b"), "identifier"),
            (lambda s: s["features"][0].update(name="x" * 65), "identifier"),
            (lambda s: s["features"][0].update(name=3), "identifier"),
            (lambda s: s["features"][0].update(label="Overtime"), "texts by language"),
            (lambda s: s["features"][0].update(label={"en": 3}), "texts by language"),
            (lambda s: s["features"][0].update(label={}), "label says nothing"),
            (lambda s: s["features"][0].update(label={"en": " ", "de": "x"}), "says nothing"),
            (lambda s: s["features"][0]["choices"][0].update(label={}), "choice"),
            (lambda s: s["sections"][0].update(label={}), "section"),
            (lambda s: s["audit"][0].update(label={}), "label says nothing"),
            (lambda s: s["features"][0].update(name="_language"), "own fields"),
            (lambda s: s["features"][0].update(name="__all__"), "own fields"),
            (lambda s: s["features"][0].update(name="csrfmiddlewaretoken"), "own fields"),
            (
                lambda s: s["features"][0].update(name="employee_id"),
                "own fields|unique|employee_id",
            ),
            (lambda s: s["audit"][0].update(name="_language"), "own fields"),
            (lambda s: s["features"][0].update(aliases=[1]), "aliases"),
            (lambda s: s["features"][0].update(aliases=["x"] * 2000), "aliases"),
            (lambda s: s["features"][0].update(typical="Maybe"), "typical"),
            (lambda s: s["features"][0]["choices"][0].update(value=3), "choice"),
            (lambda s: s["features"][0]["choices"][0].update(value=None), "choice"),
            (lambda s: s["features"][0].update(color="red"), "not a model"),
            (lambda s: s["features"][2].update(maximum=1e300), "within"),
            (lambda s: s["features"][2].update(maximum="9"), "not a model"),
            (lambda s: s["features"][2].update(integer=1), "true or false"),
            (lambda s: s["features"][2].update(typical="9"), "within"),
            (lambda s: s["features"][2].update(seen=[1, "2"]), "within"),
            (lambda s: s.update(sections=[{"name": 1, "label": {}}]), "section"),
            (lambda s: s.update(identifier_aliases=[3]), "aliases"),
        ],
    )
    def test_a_schema_that_makes_no_form(self, files, refuse, change, why):
        schema = part(files, "schema")
        change(schema)
        refuse(sealed(files, schema=schema), why)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda m: m.update(intercept=1e6), "intercept"),
            (lambda m: m.update(floor=1), "floor"),
            (lambda m: m.update(base_rate=0), "base rate"),
            (lambda m: m["shapes"]["over_time"].update(missing=1e308), "too large"),
            (lambda m: m["shapes"]["over_time"].update(table=[["Yes", 1], ["Yes", 1]]), "answer"),
            (lambda m: m["shapes"]["monthly_income"].update(knots=[], values=[]), "knot"),
            (
                lambda m: m["shapes"]["monthly_income"].update(knots=[0, 1e16], values=[0, 0]),
                "knots",
            ),
            (
                lambda m: m["shapes"]["monthly_income"].update(
                    knots=list(range(30_000)), values=[0] * 30_000
                ),
                "too many knots",
            ),
            (
                lambda m: m.update(
                    pairs=[
                        {
                            "features": ["over_time", "monthly_income"],
                            "axes": [{"answers": ["No", "Yes"]}, {"cuts": [1e300]}],
                            "values": [[0, 0, 0]] * 3,
                        }
                    ]
                ),
                "cuts",
            ),
        ],
    )
    def test_a_model_whose_probabilities_might_not_be_finite(self, files, refuse, change, why):
        model = part(files, "model")
        change(model)
        refuse(sealed(files, model=model), why)


@pytest.mark.parametrize(
    "header",
    [
        "_language",
        "__all__",
        "csrfmiddlewaretoken",
        "Employee ID",
        "employee_id",
        "Format",
        "class",
    ],
)
def test_no_column_is_given_a_name_that_an_import_is_refused_for(header):
    name = feature_name(header, ())
    assert name not in RESERVED_NAMES
    assert not name.startswith("_")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda files: b"not a zip", "not_a_zip"),
        (lambda files: zipped(files, method=zipfile.ZIP_LZMA), "not_a_zip"),
        (lambda files: b"PK" + bytes(artifact.LARGEST_ARCHIVE), "too_large"),
        (lambda files: zipped({**files, "card.json": b" " * (2**23 + 1)}), "too_large"),
        (lambda files: zipped({**files, "b/card.json": b"{}"}), "too_much"),
        (lambda files: zipped({MANIFEST: files[MANIFEST]}), "lacks_files"),
        (lambda files: zipped({**files, "card.json": b"{}"}), "altered"),
        (lambda files: zipped({**files, MANIFEST: b'{"format": 1}'}), "other_format"),
        (lambda files: zipped({**files, MANIFEST: b"[]"}), "not_a_model"),
        (lambda files: zipped(sealed(files, card=[])), "not_a_model"),
    ],
)
def test_why_it_is_refused_is_said_to_a_person_in_both_languages(files, make, kind):
    with pytest.raises(ArtifactError) as refused:
        artifact.parse(artifact.unpack(make(files)))
    assert refused.value.kind == kind
    for language in ("en", "fr"):
        words = refused.value.words[language]
        assert words.endswith(".")
        assert not re.search(r"Error|[{}'\"]", words)


def test_whatever_is_let_in_has_its_pages(files, client, carol):
    """What an import lets through can be shown: its card, and the page that activates it."""
    dice = random.Random(3)
    client.force_login(carol)
    shown = 0
    for name in ("card", "schema"):
        stored = part(files, name)
        every = list(places(stored))
        for _ in range(40):
            try:
                version = services.import_model(
                    zipped(sealed(files, **{name: mutated(stored, every, dice)}))
                )
            except ArtifactError:
                continue
            assert client.get(f"/models/{version}/").status_code == 200
            assert client.get(f"/models/{version}/activate/").status_code == 200
            shown += 1
    assert shown


# ------------------------------------------------------------------ anything at all


def scores_everyone(loaded):
    """Whatever was accepted gives every acceptable row a finite risk."""
    schema = loaded.schema
    dice = random.Random(0)
    rows = []
    for extreme in (min, max, None):
        raw = {}
        for feature in schema.features:
            if feature.choices:
                raw[feature.name] = dice.choice(feature.choices).value
            else:
                raw[feature.name] = extreme and extreme(feature.minimum, feature.maximum)
        try:
            rows.append(schema.clean(raw))
        except SchemaError:
            continue
    frame = CleanFrame.from_rows(schema, rows)
    if rows:
        assert all(0 <= p <= 1 for p in loaded.model.score_frame(frame).probability)
    for row in rows:
        assert 0 <= loaded.model.score(row).probability <= 1


def try_it(archive):
    """A model, or an `ArtifactError`; anything else fails the test."""
    try:
        loaded = artifact.parse(artifact.unpack(archive))
    except ArtifactError:
        return False
    scores_everyone(loaded)
    return True


def test_random_damage_to_an_archive_ends_in_a_refusal(files):
    dice = random.Random(1)
    intact = zipped(files)
    for _ in range(800):
        broken = bytearray(intact)
        match dice.randrange(4):
            case 0:
                for _ in range(dice.randint(1, 8)):
                    broken[dice.randrange(len(broken))] = dice.randrange(256)
            case 1:
                del broken[dice.randrange(len(broken)) :]
            case 2:
                start = dice.randrange(len(broken))
                del broken[start : start + dice.randint(1, 200)]
            case 3:
                # The directory at the end is where an archive's reader believes most.
                place = len(broken) - dice.randint(1, 500)
                broken[place] = dice.randrange(256)
        try_it(bytes(broken))


JUNK = [
    None, True, False, 0, -1, 1, 0.5, 2**70, 1e300, -1e300, "", "x", "\x00", "\ud800", [], {},
    [[]], [None], {"en": 3}, {"": {}}, ["x"] * 3, [[1, 2]], "a" * 300, [1e308, -1e308], "number",
]  # fmt: skip


def places(value, path=()):
    """Every place in JSON data."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def mutated(stored, every, dice):
    stored = copy.deepcopy(stored)
    path = dice.choice(every)
    if not path:
        return copy.deepcopy(dice.choice(JUNK))
    holder = stored
    for key in path[:-1]:
        holder = holder[key]
    match dice.randrange(3):
        case 0:
            del holder[path[-1]]
        case 1 if isinstance(holder, dict):
            holder[dice.choice(["x", "\x00", "kind", "table", "knots"])] = holder.pop(path[-1])
        case _:
            holder[path[-1]] = copy.deepcopy(dice.choice(JUNK))
    return stored


@pytest.mark.parametrize("name", ["schema", "model", "operating_point", "card"])
def test_random_changes_of_content_end_in_a_refusal_or_a_model(files, name):
    """Under a valid seal: what a careless or unkind author might ship."""
    dice = random.Random(name)
    stored = part(files, name)
    every = list(places(stored))
    accepted = 0
    for _ in range(120):
        changed = sealed(files, **{name: mutated(stored, every, dice)})
        accepted += try_it(artifact.pack(changed))
    # Not everything that changes a model breaks it, and not everything is let through.
    assert 0 <= accepted < 120
    assert accepted or name == "operating_point"


def test_what_is_accepted_can_be_kept(files, db):
    """The database takes every card and schema that the checks let through."""
    dice = random.Random(2)
    kept = 0
    for name in ("card", "schema"):
        stored = part(files, name)
        every = list(places(stored))
        for _ in range(60):
            changed = sealed(files, **{name: mutated(stored, every, dice)})
            try:
                version = services.import_model(zipped(changed))
            except ArtifactError:
                continue
            assert registry.load(version.pk, version.sha256).sha256 == version.sha256
            kept += 1
    assert kept
