"""A draft: what the columns of a file seem to mean, shown to a person, who corrects it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from mlcore.engine.drafting.header_words import SECTIONS
from mlcore.engine.features import Feature, Kind
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.schema_json import feature_from_json, feature_to_json
from mlcore.engine.words import Words

Role = Literal["input", "audit", "target", "identifier", "left_out"]
ROLES: tuple[Role, ...] = get_args(Role)

ColumnKind = Literal[
    "number", "scale", "choice", "identifier", "constant", "date", "text", "blank", "duplicate"
]
"""What a column holds; the first three can be learned from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What is thought of one column."""

    column: str
    """Its header."""
    role: Role
    kind: ColumnKind
    reason: Words
    """Why it has this role."""
    examples: tuple[str, ...]
    """Up to three of its values, as text."""
    blanks: int
    """Rows without a value."""
    distinct: int
    """Different values, blanks apart."""
    suspicion: Literal["", "leak"] = ""
    """`leak`: it seems to give away who left, whatever its role."""
    suspicion_reason: Words = field(default_factory=dict)
    notes: tuple[Words, ...] = ()
    """What a person should know besides: words read as blanks, rare answers."""
    answers: tuple[tuple[str, int], ...] = ()
    """The most frequent values, at most twelve, each with its rows; of a column of few."""
    kinds: tuple[Kind, ...] = ()
    """The kinds of input that it could be."""
    feature: Feature | None = None
    """What would be asked for it: name, label, range or choices. None where nothing can be."""
    chosen: bool = False
    """A person gave it its role."""
    protected: bool = False
    """It tells what the law protects: whoever makes an input of it says why."""

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON data; `from_json` gives it back."""
        return {
            "column": self.column,
            "role": self.role,
            "kind": self.kind,
            "reason": dict(self.reason),
            "examples": list(self.examples),
            "blanks": self.blanks,
            "distinct": self.distinct,
            "suspicion": self.suspicion,
            "suspicion_reason": dict(self.suspicion_reason),
            "notes": [dict(note) for note in self.notes],
            "answers": [list(answer) for answer in self.answers],
            "kinds": list(self.kinds),
            "feature": feature_to_json(self.feature) if self.feature else None,
            "chosen": self.chosen,
            "protected": self.protected,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Finding:
        """Raises `ValueError`, `KeyError` or `TypeError` when it is no finding."""
        feature = stored["feature"]
        given = dict(stored) | {
            "feature": feature_from_json(feature) if feature else None,
            "notes": tuple(stored["notes"]),
            "answers": tuple((word, rows) for word, rows in stored["answers"]),
            "examples": tuple(stored["examples"]),
            "kinds": tuple(stored["kinds"]),
        }
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Question:
    """Something that only a person can say, and without which nothing is trained."""

    about: Literal["target", "leaver", "inputs"]
    text: Words
    options: tuple[str, ...] = ()
    """For `target`, headers; for `leaver`, values of the target's column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What a file seems to be, column by column, in the file's order."""

    name: str
    """The plan's: lower-case letters, digits, hyphens."""
    title: Words
    guessed_title: Words
    """The title while nobody gave another."""
    source: Words
    rows: int
    findings: tuple[Finding, ...]
    target: str = ""
    """The column that says who left; empty where a person must say."""
    leaver: str = ""
    """The value of `target` that means leaving; empty where a person must say."""
    needs: tuple[Question, ...] = ()
    """What must be answered before there is a plan."""
    corrections: Mapping[str, Any] = field(default_factory=dict)
    """Everything that people have corrected so far, as `inference.revise` takes it."""

    @property
    def identifier(self) -> str:
        """The column that holds the employee's reference; empty when there is none."""
        return next((f.column for f in self.findings if f.role == "identifier"), "")

    @property
    def schema(self) -> FeatureSchema:
        """What a model of this file would ask."""
        features = tuple(_of(self.findings, "input"))
        used = {feature.section for feature in features}
        if len(features) < 6 or len(used - {""}) < 2:
            # One short list needs no headings.
            features, used = tuple(replace(feature, section="") for feature in features), set()
        return FeatureSchema(
            features=features,
            audit=tuple(replace(f, section="", actionable=False) for f in self._audit()),
            sections=tuple(section for section in SECTIONS if section.name in used),
            identifier_aliases=(self.identifier,) if self.identifier else (),
        )

    def _audit(self) -> list[Feature]:
        return _of(self.findings, "audit")

    @property
    def plan(self) -> TrainingPlan | None:
        """What a model can be trained by; None while `needs` are unanswered."""
        if self.needs:
            return None
        return TrainingPlan(
            name=self.name,
            title=self.title,
            source=self.source,
            target=self.target,
            leaver=self.leaver,
            identifier=self.identifier,
            schema=self.schema,
            left_out={f.column: f.reason for f in self.findings if f.role == "left_out"},
        )

    def finding(self, column: str) -> Finding:
        """The finding of a column. Raises `KeyError`."""
        for finding in self.findings:
            if finding.column == column:
                return finding
        raise KeyError(column)

    def to_json(self) -> dict[str, Any]:
        """The draft as JSON data; `from_json` gives it back."""
        return {
            "name": self.name,
            "title": dict(self.title),
            "guessed_title": dict(self.guessed_title),
            "source": dict(self.source),
            "rows": self.rows,
            "target": self.target,
            "leaver": self.leaver,
            "findings": [finding.to_json() for finding in self.findings],
            "needs": [
                {"about": q.about, "text": dict(q.text), "options": list(q.options)}
                for q in self.needs
            ],
            "corrections": dict(self.corrections),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Draft:
        """Raises `ValueError`, `KeyError` or `TypeError` when it is no draft."""
        given = dict(stored) | {
            "findings": tuple(Finding.from_json(each) for each in stored["findings"]),
            "needs": tuple(
                Question(q["about"], q["text"], tuple(q["options"])) for q in stored["needs"]
            ),
        }
        return cls(**given)


def _of(findings: tuple[Finding, ...], role: Role) -> list[Feature]:
    return [f.feature for f in findings if f.role == role and f.feature is not None]
