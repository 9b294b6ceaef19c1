"""What the columns of a labelled file mean: the agreement between people and the training."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcore.engine.schema import FeatureSchema
from mlcore.engine.words import Words, say

FEWEST = 50
"""Of those who left, and of those who stayed: from fewer no model is trained."""


class TrainingError(ValueError):
    """Data from which no model can be trained; the text says why and what to do.

    `str()` of it is English; `words` says the same in every language of the product.
    """

    def __init__(self, words: Words | str) -> None:
        self.words: Words = {"en": words} if isinstance(words, str) else dict(words)
        super().__init__(say(self.words, "en"))


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What the columns of a file mean: written once, corrected by people, kept with the model."""

    name: str
    """Short, for the version's name: lower-case letters, digits, hyphens."""
    title: Words
    source: Words
    """Where the data comes from."""
    target: str
    """The column that says who left."""
    leaver: str
    """The value of `target` that means leaving."""
    schema: FeatureSchema
    left_out: Mapping[str, Words]
    """Columns that nobody is asked for, each with the reason."""

    identifier: str = ""
    """The column that holds the employee's reference; empty when there is none."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", self.name):
            raise ValueError("a plan's name has at most 40 of a-z, 0-9 and hyphens")
        if not self.target or not self.leaver:
            raise ValueError("a plan names the column that says who left, and the value for it")
        asked = {feature.column for feature in self.schema.everything}
        if self.target in asked or (self.identifier and self.identifier in asked | {self.target}):
            raise ValueError("the target and the identifier are no inputs, nor each other")

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data; `from_json` gives it back."""
        return {
            "name": self.name,
            "title": dict(self.title),
            "source": dict(self.source),
            "target": self.target,
            "leaver": self.leaver,
            "identifier": self.identifier,
            "left_out": {column: dict(why) for column, why in self.left_out.items()},
            "schema": self.schema.to_json(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrainingPlan:
        """Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` when it is no plan."""
        return cls(
            name=stored["name"],
            title=stored["title"],
            source=stored["source"],
            target=stored["target"],
            leaver=stored["leaver"],
            identifier=stored.get("identifier", ""),
            left_out=stored["left_out"],
            schema=FeatureSchema.from_json(stored["schema"]),
        )

    @classmethod
    def load(cls, file: Path) -> TrainingPlan:
        """Raises `OSError`, or `TrainingError` when the file is not a plan."""
        try:
            return cls.from_json(json.loads(file.read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(
                {
                    "en": f"{file} is not a training plan: {error!r}",
                    "fr": f"{file} n’est pas un plan d’apprentissage\u00a0: {error!r}",
                }
            ) from error
