"""From a labelled table to what can be learned from: clean columns, answers, duplicates."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlcore.engine.drafting.answer_words import UNKNOWN
from mlcore.engine.features import Feature
from mlcore.engine.plan import FEWEST, TrainingError, TrainingPlan
from mlcore.engine.schema import CleanFrame, FeatureSchema
from mlcore.engine.values import Value, fold, shown, word
from mlcore.engine.words import Words, number_text

Ints = NDArray[np.int64]

FEWEST_KNOWN = 20  # values of an input; with fewer it says nothing about anyone
LARGEST_NUMBER = 1e15  # beyond it a float skips whole numbers, and `soundness` refuses a model
MOST_UNREADABLE = 0.05  # of the rows; with more of them, the file means something else

_BLANK: Words = {
    "en": "Blank for nearly everyone.",
    "fr": "Non renseigné pour presque tous.",
}
_CONSTANT: Words = {
    "en": "The same for everyone.",
    "fr": "Identique pour tous.",
}


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """A cleaned table with its answers."""

    schema: FeatureSchema
    """The plan's, without the inputs in `dropped`, and completed with what the data shows: `seen`
    and `typical`."""
    frame: CleanFrame
    left: Ints
    """1 for who left, 0 for who stayed; shape (n,)."""
    groups: Ints
    """Equal for rows of one employee, and for exact duplicates; shape (n,)."""
    dropped: Mapping[str, Words] = field(default_factory=dict)
    """Inputs of the plan from which nothing can be learned, by their column, each with why."""
    no_answer: int = 0
    """Rows that were set aside because nobody knows whether the employee left."""
    unreadable: int = 0
    """Rows that were set aside because a value in them cannot be accepted."""
    duplicates: int = 0
    """Rows that repeat an earlier one in everything."""
    repeated_employees: int = 0
    """Employees of whom several rows tell, by the plan's identifier."""

    @property
    def features(self) -> pd.DataFrame:
        """The inputs as learners take them: numbers and steps as floats, choices as texts."""
        return as_features(self.schema, self.frame.inputs)

    def part(self, rows: Ints) -> TrainingSet:
        """The employees in these places alone."""
        chosen, frame = rows.tolist(), self.frame
        return replace(
            self,
            frame=CleanFrame(
                [frame.employee_ids[row] for row in chosen],
                {name: [column[row] for row in chosen] for name, column in frame.inputs.items()},
                {name: [column[row] for row in chosen] for name, column in frame.audit.items()},
                [frame.positions[row] for row in chosen],
                {},
            ),
            left=self.left[rows],
            groups=self.groups[rows],
        )


def as_features(schema: FeatureSchema, inputs: Mapping[str, Sequence[Value]]) -> pd.DataFrame:
    """Clean columns as a data frame: floats, and texts for choices."""
    return pd.DataFrame(
        {
            feature.name: np.array(inputs[feature.name], dtype=object)
            if feature.kind == "choice"
            else np.array(inputs[feature.name], dtype=np.float64)
            for feature in schema.features
        }
    )


def prepare(plan: TrainingPlan, columns: Mapping[str, Sequence[object]]) -> TrainingSet:
    """Clean a table, given by the headers of its file, and find its leavers.

    Rows without an answer, and the few that cannot be read, are set aside and counted; an input
    that is blank or the same for everyone is dropped, with the reason. Raises `TrainingError` when
    a column is missing, too many rows cannot be read, nothing is left to learn from, or the answers
    are not two, with enough employees for each.
    """
    wanted = {feature.column: feature.name for feature in plan.schema.everything}
    named = (plan.target, *wanted, *((plan.identifier,) if plan.identifier else ()))
    if missing := [header for header in named if header not in columns]:
        raise TrainingError(
            {
                "en": f"The file lacks these columns: {', '.join(missing)}.",
                "fr": f"Ces colonnes manquent dans le fichier\u00a0: {', '.join(missing)}.",
            }
        )
    answered, left = _answers(plan, columns[plan.target])
    frame = plan.schema.clean_frame(
        {name: [columns[header][row] for row in answered] for header, name in wanted.items()},
        blank_rows=True,  # of one input, many may be blank: what that says is learned
    )
    if len(frame.problems) > MOST_UNREADABLE * len(answered):
        raise _unreadable(plan.schema, frame, answered)
    left = left[frame.positions]
    _refuse_huge(plan.schema, frame)
    positions = [answered[position] for position in frame.positions]
    people = _people(plan, columns, frame, positions)
    _refuse_few(left, people.groups)
    dropped = _nothing_to_learn(plan.schema, frame)
    kept = tuple(f for f in plan.schema.features if f.column not in dropped)
    if not kept:
        raise TrainingError(
            {
                "en": "Every input is blank or the same for everyone: nothing can be learned.",
                "fr": "Toutes les données d’entrée sont vides ou identiques pour tous\u00a0: il n’y"
                " a rien à apprendre.",
            }
        )
    frame = CleanFrame(
        frame.employee_ids,
        {feature.name: frame.inputs[feature.name] for feature in kept},
        frame.audit,
        positions,
        {},
    )
    return TrainingSet(
        schema=_observed(replace(plan.schema, features=kept), frame),
        frame=frame,
        left=left,
        groups=people.groups,
        dropped=dropped,
        no_answer=len(columns[plan.target]) - len(answered),
        unreadable=len(answered) - len(left),
        duplicates=people.duplicates,
        repeated_employees=people.repeated,
    )


def _unreadable(schema: FeatureSchema, frame: CleanFrame, answered: list[int]) -> TrainingError:
    """Names the first row that cannot be read, and counts the others."""
    count = len(frame.problems)
    position, problems = next(iter(frame.problems.items()))
    name, found = next(iter(problems.items()))
    place = answered[position] + 1
    column = schema.by_name[name].column if name in schema.by_name else name
    return TrainingError(
        {
            "en": f"{number_text(count, 'en')} employees cannot be read. The first is number"
            f" {place}, {column or 'as a whole'}: {found[0].text('en')}",
            "fr": f"{number_text(count, 'fr')} collaborateurs sont illisibles. Le premier est le"
            f" n°\u00a0{place}, {column or 'ligne entière'}\u00a0: {found[0].text('fr')}",
        }
    )


def _answers(plan: TrainingPlan, column: Sequence[object]) -> tuple[list[int], Ints]:
    """The rows that have an answer, and for each of them whether it is leaving."""
    words = [word(answer) for answer in column]
    folded = ["" if answer.casefold() in UNKNOWN else fold(answer) for answer in words]
    answered = [row for row, answer in enumerate(folded) if answer]
    leaver = fold(plan.leaver)
    given = {folded[row]: row for row in reversed(answered)}
    if len(given) != 2 or leaver not in given:
        some = [shown(column[row]) for row in sorted(given.values())[:4]]
        found = ", ".join(f"“{answer}”" for answer in some) + (", …" if len(given) > 4 else "")
        trouves = found.replace("“", "«\u00a0").replace("”", "\u00a0»")
        raise TrainingError(
            {
                "en": f"“{plan.target}” must hold “{plan.leaver}” for who left and one other answer"
                f" for who stayed; it holds {found or 'blanks alone'}.",
                "fr": f"«\u00a0{plan.target}\u00a0» doit contenir «\u00a0{plan.leaver}\u00a0» pour"
                " les départs et une seule autre réponse pour les autres\u00a0; on y trouve"
                f" {trouves or 'seulement des vides'}.",
            }
        )
    return answered, np.array([int(folded[row] == leaver) for row in answered], dtype=np.int64)


def _refuse_huge(schema: FeatureSchema, frame: CleanFrame) -> None:
    """Raises `TrainingError` for numbers that no model may hold."""
    for feature in schema.everything:
        if feature.kind != "number":
            continue
        column = frame.inputs.get(feature.name) or frame.audit.get(feature.name) or ()
        known = (abs(value) for value in column if isinstance(value, (int, float)))
        limits = (abs(feature.minimum), abs(feature.maximum))
        if max(*limits, *known) > LARGEST_NUMBER:
            raise TrainingError(
                {
                    "en": f"“{feature.column}” holds numbers of more than 15 digits, or is allowed"
                    " to: leave the column out, or shorten them.",
                    "fr": f"«\u00a0{feature.column}\u00a0» contient, ou peut contenir, des nombres"
                    " de plus de 15 chiffres\u00a0: écartez cette colonne ou raccourcissez-les.",
                }
            )


def _refuse_few(left: Ints, groups: Ints) -> None:
    """Counts different employees: one who is in several rows tells no more of leaving."""
    leavers = len(np.unique(groups[left == 1]))
    stayers = len(np.unique(groups[left == 0]))
    if min(leavers, stayers) >= FEWEST:
        return
    repeated = len(np.unique(groups)) < len(groups)
    raise TrainingError(
        {
            "en": f"{number_text(leavers, 'en')} left and {number_text(stayers, 'en')} stayed: a"
            f" model needs at least {FEWEST} of each." + (_COUNTED_ONCE["en"] if repeated else ""),
            "fr": f"{number_text(leavers, 'fr')} départs et {number_text(stayers, 'fr')} maintiens"
            f"\u00a0: un modèle demande au moins {FEWEST} cas de chaque."
            + (_COUNTED_ONCE["fr"] if repeated else ""),
        }
    )


_COUNTED_ONCE: Words = {
    "en": " Rows that repeat one another, or are of one employee, count once; where they are of"
    " different employees, a column that identifies each of them tells them apart.",
    "fr": " Les lignes qui se répètent, ou qui concernent un même collaborateur, ne comptent qu’une"
    " fois\u00a0; si elles concernent des collaborateurs différents, une colonne qui identifie"
    " chacun permet de les distinguer.",
}


def _nothing_to_learn(schema: FeatureSchema, frame: CleanFrame) -> dict[str, Words]:
    """The columns of inputs that are blank for nearly everyone, or the same for everyone."""
    dropped: dict[str, Words] = {}
    for feature in schema.features:
        counts = Counter(frame.inputs[feature.name])
        known = len(frame) - counts.pop(None, 0)
        if known < FEWEST_KNOWN:
            dropped[feature.column] = _BLANK
        elif len(counts) == 1 and known == len(frame):
            dropped[feature.column] = _CONSTANT
    return dropped


@dataclass(frozen=True, kw_only=True)
class _People:
    """Which rows are of one employee."""

    groups: Ints
    duplicates: int
    repeated: int


def _people(
    plan: TrainingPlan,
    columns: Mapping[str, Sequence[object]],
    frame: CleanFrame,
    positions: Sequence[int],
) -> _People:
    """Rows belong together when they have the same identifier, and otherwise when every column of
    the file is the same in them: of employees described by a few answers, many look alike.

    `positions` are the frame's rows in `columns`.
    """
    clean = [*frame.inputs.values(), *frame.audit.values()]
    read = {plan.identifier, *(feature.column for feature in plan.schema.everything)}
    others = [column for header, column in columns.items() if header not in read]
    who = columns[plan.identifier] if plan.identifier else None
    everything: dict[tuple[object, ...], int] = {}
    groups: dict[object, int] = {}
    rows_of: Counter[str] = Counter()
    numbers = np.empty(len(positions), dtype=np.int64)
    for place, row in enumerate(positions):
        reference = "" if who is None else identity(who[row])
        whole = (reference, *(c[place] for c in clean), *(_cell(c[row]) for c in others))
        everything.setdefault(whole, place)
        if reference:
            rows_of[reference] += 1
        numbers[place] = groups.setdefault(reference or whole, len(groups))
    return _People(
        groups=numbers,
        duplicates=len(positions) - len(everything),
        repeated=sum(count > 1 for count in rows_of.values()),
    )


def identity(raw: object) -> str:
    """A reference as it is compared: 7, 7.0 and " 7 " are one employee; `""` for a blank, `N/A`."""
    folded = word(raw).casefold()
    return "" if folded in UNKNOWN else folded


def _cell(raw: object) -> object:
    """A cell of a column that is not asked for, as it is compared."""
    return raw.strip() if isinstance(raw, str) else raw


def _observed(schema: FeatureSchema, frame: CleanFrame) -> FeatureSchema:
    """The schema with what the data shows of each feature."""

    def observe(feature: Feature, column: Sequence[Value]) -> Feature:
        if feature.kind == "choice":
            counts = Counter(value for value in column if value is not None)
            return replace(feature, typical=max(counts, key=counts.__getitem__, default=None))
        known = sorted(value for value in column if isinstance(value, (int, float)))
        if not known:
            return feature
        # The median of a scale is one of its steps.
        middle = (statistics.median_low if feature.choices else statistics.median)(known)
        middle = round(middle) if feature.integer else float(middle)
        return replace(feature, seen=(known[0], known[-1]), typical=middle)

    return replace(
        schema,
        features=tuple(observe(f, frame.inputs[f.name]) for f in schema.features),
        audit=tuple(observe(f, frame.audit[f.name]) for f in schema.audit),
    )
