"""A small invented history with known truth: low pay and overtime make people leave."""

from __future__ import annotations

import contextlib
from unittest.mock import patch

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from mlcore.engine.features import Choice, Feature
from mlcore.engine.learning import learners
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.schema import FeatureSchema


@contextlib.contextmanager
def few_stumps():
    """A tenth of them, for who asks what is made of a history, and not how well it is learned."""

    def few(**options):
        return HistGradientBoostingClassifier(**options | {"max_iter": options["max_iter"] // 10})

    with patch.object(learners, "HistGradientBoostingClassifier", few):
        yield


def words(text):
    return {"en": text, "fr": text}


def choices(*values):
    return tuple(Choice(value=value, label=words(str(value))) for value in values)


PLAN = TrainingPlan(
    name="small",
    title=words("A small history"),
    source=words("Invented."),
    target="Gone",
    leaver="yes",
    left_out={"Badge": words("Identifies a person.")},
    schema=FeatureSchema(
        features=(
            Feature(
                name="pay", column="Pay", kind="number", label=words("Pay"), maximum=10_000
            ),
            Feature(
                name="overtime",
                column="Overtime",
                kind="choice",
                label=words("Overtime"),
                choices=choices("No", "Yes"),
            ),
        ),
        audit=(
            Feature(name="age", column="Age", kind="number", label=words("Age"), maximum=100),
            Feature(
                name="gender",
                column="Gender",
                kind="choice",
                label=words("Gender"),
                choices=choices("F", "M", "X"),
            ),
        ),
    ),
)  # fmt: skip


def history(count=300, *, seed=0, strength=1.0):
    """The columns of `count` employees; with strength 0, leaving is a matter of chance alone."""
    dice = np.random.default_rng(seed)
    pay = dice.integers(1_500, 8_000, count)
    overtime = dice.uniform(size=count) < 0.3
    log_odds = -1.0 + strength * (1.5 * overtime - (pay - 4_750) / 1_200)
    gone = dice.uniform(size=count) < 1 / (1 + np.exp(-log_odds))
    return {
        "Badge": [f"E{number}" for number in range(count)],
        "Pay": pay.tolist(),
        "Overtime": ["Yes" if works else "No" for works in overtime],
        "Age": dice.integers(20, 64, count).tolist(),
        # Three people are too few to be shown.
        "Gender": ["X"] * 3 + dice.choice(["F", "M"], count - 3).tolist(),
        "Gone": ["yes" if left else "no" for left in gone],
    }
