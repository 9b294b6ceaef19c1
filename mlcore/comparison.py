"""Champion and challenger on the same employees: which one foretells better, and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from mlcore import registry
from mlcore.engine.artifact import Artifact
from mlcore.engine.judging.intervals import Estimate
from mlcore.engine.judging.metrics import LIMITS, METRICS, Floats, Ints, Ranking, centred, resamples
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import EMPLOYEE_ID, CleanFrame, FeatureSchema
from mlcore.engine.tabular import match_columns
from mlcore.engine.values import fold, word
from mlcore.engine.words import Words
from mlcore.models import ModelVersion, TrainingFile, TrainingRun
from mlcore.refusals import RefusedError
from mlcore.trainings import files as training_files

FEWEST = 10
"""Who left, and who stayed: with fewer, no figure means anything."""
_SEED = 0
_FEWEST_RESAMPLES, _MOST_RESAMPLES = 100, 400
_ROWS_DRAWN = 2_000_000  # in all resamples together: some seconds' work at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two models."""

    metrics: Mapping[str, Estimate]
    """By name (`roc_auc`, `average_precision`, `brier`, `log_loss`, `calibration_error`)."""
    threshold: float
    listed: int
    """Employees at or above the threshold."""
    leavers_listed: int
    missing: Mapping[str, Words]
    """Inputs that the file does not hold, blanks for everyone: labels by name."""
    refused: int
    """Rows with a value that this model's schema does not accept."""
    knows_the_rows: bool
    """Whether it was trained on these rows, or probably was: then it looks better than it is."""
    out_of_fold: Mapping[str, Estimate]
    """Where it knows the rows, what its card says of employees that it had not seen, by metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two models on the rows that both accept."""

    rows: int
    leavers: int
    no_answer: int
    """Rows set aside because they do not say whether the employee left."""
    refused: int
    """Rows set aside because one model, or both, cannot accept a value."""
    champion: Side
    challenger: Side
    differences: Mapping[str, Estimate]
    """Challenger minus champion, by metric, from the same resamples of both."""
    moved_onto: int
    """Employees whom the challenger lists and the champion does not."""
    moved_off: int
    """Employees whom the champion lists and the challenger does not."""
    leavers_onto: int
    leavers_off: int

    @property
    def moved(self) -> int:
        """How many employees change side of the threshold."""
        return self.moved_onto + self.moved_off

    @property
    def decides(self) -> bool:
        """Whether these rows can tell which model is better: neither knows them already, and
        each finds all that it asks for."""
        sides = self.champion, self.challenger
        return not any(side.knows_the_rows or side.missing for side in sides)

    def surely_differs(self, metric: str) -> bool:
        """Whether chance alone hardly explains the difference: its interval leaves 0 out."""
        difference = self.differences[metric]
        return difference.low > 0 or difference.high < 0


def compare(
    champion: Artifact,
    challenger: Artifact,
    columns: Mapping[str, Sequence[Any]],
    target: str,
    leaver: str,
    *,
    points: tuple[OperatingPoint, OperatingPoint] | None = None,
    trained_here: tuple[bool, bool] = (False, False),
) -> Comparison:
    """Score the same labelled rows with both models.

    `columns` holds cells by header, and each model finds its own; what it does not find is blank.
    `target` is the header that says who left, and `leaver` the answer that means it. `points` are
    where each model's list begins, when that is not its artifact's own; `trained_here` says which
    model is known to have been trained on this file. Deterministic. Raises `RefusedError` when the
    rows cannot tell the models apart.
    """
    if target not in columns:
        raise RefusedError(
            _("The file has no column “%(column)s”, which says who left.") % {"column": target}
        )
    answers = [fold(word(answer)) for answer in columns[target]]
    answered = [row for row, answer in enumerate(answers) if answer]
    models = champion, challenger
    read = [_read(model.schema, columns, answered) for model in models]
    places = sorted(set(read[0][0].positions) & set(read[1][0].positions))
    left = np.array([answers[answered[p]] == fold(leaver) for p in places], dtype=np.int64)
    _refuse_few(left)

    frames = [_only(frame, places) for frame, _missing in read]
    risks = [
        model.model.score_frame(frame).probability
        for model, frame in zip(models, frames, strict=True)
    ]
    weights = _weights(frames, left)
    rankings = [Ranking(left, risk) for risk in risks]
    measured = [_measure(ranking, weights) for ranking in rankings]
    thresholds = [p.threshold for p in points or (m.operating_point for m in models)]
    lists = [risk >= threshold for risk, threshold in zip(risks, thresholds, strict=True)]
    onto, off = lists[1] & ~lists[0], lists[0] & ~lists[1]
    known = [trained_here[n] or _looks_known(model.card, left) for n, model in enumerate(models)]
    sides = [
        Side(
            metrics={name: _estimate(*measured[n][name], LIMITS[name]) for name in METRICS},
            threshold=thresholds[n],
            listed=int(lists[n].sum()),
            leavers_listed=int(left[lists[n]].sum()),
            missing={name: models[n].schema.by_name[name].label for name in read[n][1]},
            refused=len(read[n][0].problems),
            knows_the_rows=known[n],
            out_of_fold=_out_of_fold(models[n].card) if known[n] else {},
        )
        for n in range(2)
    ]
    return Comparison(
        rows=len(left),
        leavers=int(left.sum()),
        no_answer=len(answers) - len(answered),
        refused=len(answered) - len(places),
        champion=sides[0],
        challenger=sides[1],
        differences={
            name: _estimate(
                measured[1][name][0] - measured[0][name][0],
                measured[1][name][1] - measured[0][name][1],
                (-np.inf, np.inf) if name == "log_loss" else (-1.0, 1.0),
            )
            for name in METRICS
        },
        moved_onto=int(onto.sum()),
        moved_off=int(off.sum()),
        leavers_onto=int(left[onto].sum()),
        leavers_off=int(left[off].sum()),
    )


def compare_on(
    file: TrainingFile, *, champion: ModelVersion, challenger: ModelVersion
) -> Comparison:
    """Compare two registered models on a kept file, each by the operating point that holds for it.

    Who left is told by the column that the challenger's card names, or the champion's.
    Raises `RefusedError`, `ArtifactError`, or `training_files.FileErasedError`.
    """
    table = training_files.table_of(file)
    target = next(
        (
            found
            for version in (challenger, champion)
            if (found := version.card.get("target") or {}).get("column") in table.headers
        ),
        None,
    )
    if target is None:
        raise RefusedError(_("The file has no column that tells either model who left."))
    versions = champion, challenger
    artifacts = [registry.load(version.pk, version.sha256) for version in versions]
    runs = TrainingRun.objects.filter(file__sha256=file.sha256)
    trained = set(runs.values_list("model_version", flat=True))
    decisions = [version.operating_decisions.first() for version in versions]
    points = [
        decision.operating_point if decision else artifact.operating_point
        for decision, artifact in zip(decisions, artifacts, strict=True)
    ]
    return compare(
        artifacts[0],
        artifacts[1],
        table.columns(),
        str(target["column"]),
        str(target.get("leaver", "")),
        points=(points[0], points[1]),
        trained_here=(champion.pk in trained, challenger.pk in trained),
    )


def _read(
    schema: FeatureSchema, columns: Mapping[str, Sequence[Any]], answered: list[int]
) -> tuple[CleanFrame, list[str]]:
    """The answered rows as a model reads them, and the inputs that it does not find.

    Neither references nor audit attributes score anyone: what is wrong with them refuses no row.
    """
    match = match_columns(list(columns), schema)
    inputs = {feature.name for feature in schema.features}
    found = {
        name: [columns[header][row] for row in answered]
        for name, header in match.headers.items()
        if name in inputs
    }
    # Of a file with none of a model's columns, every row is still there, and blank.
    found = found or {EMPLOYEE_ID: [""] * len(answered)}
    return schema.clean_frame(found), match.missing


def _only(frame: CleanFrame, places: list[int]) -> CleanFrame:
    """The accepted rows at these places of what was given."""
    index = {place: row for row, place in enumerate(frame.positions)}
    rows = [index[place] for place in places]
    return CleanFrame(
        [""] * len(rows),
        {name: [column[row] for row in rows] for name, column in frame.inputs.items()},
        {name: [None] * len(rows) for name in frame.audit},
        list(range(len(rows))),
        {},
    )


def _refuse_few(left: Ints) -> None:
    leavers = int(left.sum())
    if min(leavers, len(left) - leavers) < FEWEST:
        raise RefusedError(
            _(
                "Of the rows that both models accept, %(leavers)s left and %(stayers)s stayed:"
                " at least %(fewest)s of each are needed."
            )
            % {"leavers": leavers, "stayers": len(left) - leavers, "fewest": FEWEST}
        )


def _weights(frames: list[CleanFrame], left: Ints) -> list[Floats]:
    """The resamples of both models alike; exact duplicates come together."""
    numbers: dict[tuple[Any, ...], int] = {}
    columns = [column for frame in frames for column in frame.inputs.values()]
    rows = zip(left.tolist(), *columns, strict=True)
    groups = np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=np.int64)
    count = min(max(_ROWS_DRAWN // len(left), _FEWEST_RESAMPLES), _MOST_RESAMPLES)
    return resamples(groups, left, count, _SEED)


def _measure(ranking: Ranking, weights: list[Floats]) -> dict[str, tuple[float, Floats]]:
    """Every metric: on all rows, and on each resample."""

    def everything(drawn: Floats | None) -> dict[str, float]:
        error = {"calibration_error": ranking.calibration_error(drawn)}
        return ranking.measure(drawn) | error

    resampled = [everything(drawn) for drawn in weights]
    return {
        name: (value, np.array([found[name] for found in resampled]))
        for name, value in everything(None).items()
    }


def _estimate(value: float, drawn: Floats, limits: tuple[float, float]) -> Estimate:
    return Estimate(value, *centred(value, drawn, limits))


def _looks_known(card: Mapping[str, Any], left: Ints) -> bool:
    """Whether a card tells of as many rows and leavers as there are here: hardly by chance."""
    return (card.get("rows"), card.get("leavers")) == (len(left), int(left.sum()))


def _out_of_fold(card: Mapping[str, Any]) -> dict[str, Estimate]:
    """The figures of a card, as far as it holds them with their intervals."""
    stored = (card.get("evaluation") or {}).get("metrics") or {}
    return {
        name: Estimate(found["mean"], found["low"], found["high"])
        for name in METRICS
        if (found := stored.get(name)) and "low" in found and "high" in found
    }
