from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlcore.engine import artifact
from mlcore.engine.artifact import MANIFEST, Artifact, ArtifactError
from mlcore.engine.features import Choice, Feature
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Curve, Table
from tests.engine.conftest import BUNDLED
from tests.engine.strategies import brief

FILES = ["schema.json", "model.json", "operating_point.json", "card.json", MANIFEST]


@pytest.fixture
def small():
    """An artifact of two features."""
    schema = FeatureSchema(
        features=(
            Feature(name="a", column="A", kind="number", label={"en": "A"}, maximum=9),
            Feature(
                name="b",
                column="B",
                kind="choice",
                label={"en": "B"},
                choices=(
                    Choice(value="x", label={"en": "X"}),
                    Choice(value="y", label={"en": "Y"}),
                ),
            ),
        )
    )
    model = GlassBoxModel(
        0.1, {"a": Curve((0.0, 9.0), (-1 / 3, 1 / 3)), "b": Table({"x": 0.5, "y": -0.5})}, 0.16
    )
    return Artifact(schema, model, OperatingPoint((0.1, 0.25, 0.5)), {"name": "small", "é": [1.5]})


@pytest.fixture
def folder(small, tmp_path):
    artifact.save(small, tmp_path / "model")
    return tmp_path / "model"


def reseal(folder, name, content):
    """Write a file and a manifest that agrees with it: what a careless author would ship."""
    (folder / name).write_bytes(content)
    if name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        manifest["files"][name] = artifact._hash(content)
        (folder / MANIFEST).write_text(json.dumps(manifest))


class TestRoundTrip:
    def test_what_is_saved_is_loaded(self, small, tmp_path):
        sha256 = artifact.save(small, tmp_path / "model")
        assert artifact.load(tmp_path / "model", expected_sha256=sha256) == replace(
            small, sha256=sha256
        )

    def test_the_same_artifact_gives_the_same_bytes_anywhere(self, small, tmp_path):
        first = artifact.save(small, tmp_path / "one")
        again = artifact.save(artifact.load(tmp_path / "one"), tmp_path / "deep" / "two")
        assert again == first
        for name in FILES:
            one, two = tmp_path / "one" / name, tmp_path / "deep" / "two" / name
            assert one.read_bytes() == two.read_bytes()

    def test_the_bundled_artifact_is_what_saving_it_gives(self, bundled, tmp_path):
        assert artifact.save(bundled, tmp_path / "model") == bundled.sha256

    def test_everything_in_the_folder_is_json(self, folder):
        assert sorted(file.name for file in folder.iterdir()) == sorted(FILES)
        for file in folder.iterdir():
            json.loads(file.read_bytes())


class TestRefusal:
    @pytest.mark.parametrize("name", FILES)
    def test_any_altered_byte_is_refused(self, folder, small, name):
        sha256 = artifact.load(folder).sha256
        intact = (folder / name).read_bytes()
        for place in range(len(intact)):
            altered = bytearray(intact)
            altered[place] ^= 1
            (folder / name).write_bytes(altered)
            with pytest.raises(ArtifactError):
                artifact.load(folder, expected_sha256=sha256)

    @pytest.mark.parametrize("name", FILES)
    def test_a_space_more_is_refused_though_it_means_the_same(self, folder, name):
        sha256 = artifact.load(folder).sha256
        with (folder / name).open("ab") as file:
            file.write(b" ")
        with pytest.raises(ArtifactError, match=r"altered|recorded"):
            artifact.load(folder, expected_sha256=sha256)

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_file_is_named(self, folder, name):
        (folder / name).unlink()
        with pytest.raises(ArtifactError, match=f"{name} cannot be read"):
            artifact.load(folder)

    def test_a_missing_folder_is_named(self, tmp_path):
        with pytest.raises(ArtifactError, match="nowhere"):
            artifact.load(tmp_path / "nowhere")

    def test_another_model_than_the_recorded_one_is_refused(self, folder):
        with pytest.raises(ArtifactError, match="but 0123456789ab… was recorded"):
            artifact.load(folder, expected_sha256="0123456789abcdef" * 4)

    @pytest.mark.parametrize("name", FILES)
    @pytest.mark.parametrize(
        "junk",
        [
            b"", b"{", b"null", b"[]", b"{}", b"3", b'"x"', b"\xff\xfe", b"\x00", b"NaN",
            b"[" * 100_000, b"9" * 10_000, b'{"features": [[]]}', b'{"shapes": []}',
            b'{"bounds": [1e999, 0, 1]}', b'{"format": 1, "files": []}', b'{"format": 2}',
        ], ids=brief,
    )  # fmt: skip
    def test_junk_is_refused_even_under_a_valid_seal(self, folder, name, junk):
        if name == "card.json" and is_object(junk):
            return  # a card may hold anything
        reseal(folder, name, junk)
        with pytest.raises(ArtifactError):
            artifact.load(folder)

    @pytest.mark.parametrize(
        ("shapes", "why"),
        [
            ({}, "not its schema's features"),
            ({"a": Curve((0.0,), (0.0,))}, "not its schema's features"),
            ({"b": Table({"x": 0, "y": 0}), "a": Curve((0.0,), (0.0,))}, "not its schema's"),
            ({"a": Table({"x": 0}), "b": Table({"x": 0, "y": 0})}, "shape of a does not fit"),
            ({"a": Curve((0.0,), (0.0,)), "b": Curve((0.0,), (0.0,))}, "shape of b does not fit"),
            ({"a": Curve((0.0,), (0.0,)), "b": Table({"x": 0})}, "shape of b does not fit"),
        ],
    )
    def test_a_model_that_does_not_fit_its_schema_is_refused(self, small, tmp_path, shapes, why):
        misfit = replace(small, model=replace(small.model, shapes=shapes))
        artifact.save(misfit, tmp_path / "model")
        with pytest.raises(ArtifactError, match=why):
            artifact.load(tmp_path / "model")

    def test_what_is_not_a_finite_number_is_never_written(self, small, tmp_path):
        with pytest.raises(ValueError, match="JSON compliant"):
            artifact.save(replace(small, card={"auc": float("nan")}), tmp_path / "model")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", FILES)
    def test_a_pickle_is_never_opened(self, folder, tmp_path, name):
        trace = tmp_path / "executed"
        reseal(folder, name, b"cos\nsystem\n(S'touch %a'\ntR." % str(trace))
        with pytest.raises(ArtifactError):
            artifact.load(folder)
        assert not trace.exists()


def is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


class TestReplacing:
    def other(self, small):
        return replace(small, card={"name": "other"})

    def test_a_model_takes_the_place_of_another_whole(self, small, folder):
        sha256 = artifact.save(self.other(small), folder)
        assert artifact.load(folder, expected_sha256=sha256).card == {"name": "other"}
        assert [entry.name for entry in folder.parent.iterdir()] == ["model"]

    @pytest.mark.parametrize("fails_at", range(1, 8))
    def test_whatever_fails_on_the_way_leaves_the_old_model(
        self, small, folder, monkeypatch, fails_at
    ):
        before = artifact.load(folder)
        steps = iter(range(1, 100))

        def failing(method):
            def step(self, *args, **kwargs):
                if next(steps) == fails_at:
                    raise OSError("no space left")
                return method(self, *args, **kwargs)

            return step

        monkeypatch.setattr(Path, "write_bytes", failing(Path.write_bytes))
        monkeypatch.setattr(Path, "rename", failing(Path.rename))
        with pytest.raises(OSError, match="no space left"):
            artifact.save(self.other(small), folder)
        assert artifact.load(folder) == before
        assert [entry.name for entry in folder.parent.iterdir()] == ["model"]

    def test_the_folder_is_never_half_new(self, small, folder, monkeypatch):
        """At each step of the writing, a reader finds a whole model or none, never a mixture."""
        found = []

        def watched(method):
            def step(self, *args, **kwargs):
                result = method(self, *args, **kwargs)
                found.append(artifact.load(folder).card["name"] if folder.exists() else "none")
                return result

            return step

        monkeypatch.setattr(Path, "write_bytes", watched(Path.write_bytes))
        monkeypatch.setattr(Path, "rename", watched(Path.rename))
        artifact.save(self.other(small), folder)
        assert found == ["small"] * 5 + ["none", "other"]

    def test_a_folder_that_holds_anything_else_is_left_alone(self, small, folder):
        (folder / "thesis.docx").write_text("years of work")
        with pytest.raises(ArtifactError, match=r"holds more than a model: thesis\.docx"):
            artifact.save(self.other(small), folder)
        assert (folder / "thesis.docx").exists()
        assert artifact.load(folder).card["name"] == "small"

    def test_an_empty_folder_is_taken(self, small, tmp_path):
        artifact.save(small, tmp_path)
        assert artifact.load(tmp_path).card == small.card

    def test_a_half_gone_model_is_replaced(self, small, folder):
        (folder / MANIFEST).unlink()
        artifact.save(small, folder)
        assert artifact.load(folder).card == small.card

    def test_others_may_read_what_was_written(self, small, tmp_path):
        mask = os.umask(0o022)
        try:
            artifact.save(small, tmp_path / "model")
        finally:
            os.umask(mask)
        assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755


def test_the_bundled_folder_holds_a_model_and_nothing_else(tmp_path):
    copy = shutil.copytree(BUNDLED / "ibm", tmp_path / "ibm")
    assert sorted(file.name for file in copy.iterdir()) == sorted(FILES)
    assert sum(file.stat().st_size for file in copy.iterdir()) < 200_000
    artifact.load(copy)
