"""Histories of an invented company, with the true probability of leaving of each employee.

The truth is a sum of shapes (smooth, stepped, monotone, U-shaped), of pairs that do more together
than apart, and of nothing at all for the columns that are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcore.engine.features import Choice, Feature
from mlcore.engine.learning.preparation import TrainingSet, prepare
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.schema import FeatureSchema

PAIRS = (
    ("overtime", "travel_days"),
    ("salary_gap", "years_in_role"),
    ("commute", "remote_days"),
    ("workload", "manager_support"),
    ("department", "shift"),
)
"""The pairs that are in the truth, by feature names."""

NOISE = ("badge_digit", "parking_row", "desk_height", "payroll_group", "coin")

DEPARTMENTS = ("Care", "Finance", "Logistics", "Production", "Sales")
SHIFTS = ("Day", "Evening", "Night")
GROUPS = ("A", "B", "C", "D", "E", "F")

Columns = dict[str, list[Any]]


@dataclass(frozen=True, kw_only=True)
class History:
    """A simulated file, and what nobody can know of a real one."""

    plan: TrainingPlan
    columns: Columns
    probability: np.ndarray
    """The true probability of leaving of each employee, shape (n,)."""

    @property
    def data(self) -> TrainingSet:
        return prepare(self.plan, self.columns)


def history(
    n: int, *, seed: int = 0, pairs: float = 1.0, mains: float = 1.0, floor: float = 0.0
) -> History:
    """A company of n employees; `pairs` and `mains` scale the effects: 0 is none."""
    dice = np.random.default_rng(seed)
    talent = dice.normal(size=n)
    tenure = np.round(dice.gamma(1.6, 4.0, n), 1)
    role = np.round(tenure * dice.uniform(0.2, 1, n), 1)
    level = np.clip(np.round(1 + tenure / 6 + talent * 0.7 + dice.normal(0, 0.5, n)), 1, 5)
    gap = np.round(dice.normal(0, 9, n) + 2 * talent, 1)
    salary = np.round(np.exp(7.6 + 0.25 * level + gap / 100 + dice.normal(0, 0.08, n)))
    overtime = dice.choice(["No", "Yes"], n, p=[0.7, 0.3])
    travel = dice.poisson(6, n) * (dice.random(n) < 0.7)
    commute = np.round(dice.gamma(2, 9, n))
    remote = dice.choice(6, n, p=[0.4, 0.1, 0.2, 0.15, 0.1, 0.05])
    workload = np.round(np.clip(dice.normal(40, 6, n), 20, 65), 1)
    support = dice.choice([1, 2, 3, 4, 5], n, p=[0.08, 0.17, 0.3, 0.3, 0.15])
    satisfaction = dice.choice([1, 2, 3, 4], n, p=[0.15, 0.2, 0.35, 0.3])
    department = dice.choice(DEPARTMENTS, n, p=[0.25, 0.1, 0.2, 0.3, 0.15])
    shift = dice.choice(SHIFTS, n, p=[0.6, 0.25, 0.15])
    training = dice.poisson(2.5, n)
    promotion = np.round(np.minimum(tenure, dice.gamma(1.5, 2.5, n)), 1)
    team = dice.integers(2, 30, n)
    sick = dice.poisson(4, n)
    unreviewed = dice.random(n) < 0.1

    alone = (
        0.9 * np.exp(-tenure / 2.5)
        + 0.45 * (level == 1)
        - 0.025 * gap
        + 0.5 * (overtime == "Yes")
        + 0.012 * np.maximum(commute - 15, 0)
        - 0.3 * (satisfaction - 3) * (satisfaction < 3)
        + 0.0035 * (workload - 41) ** 2 / 2
        + 0.12 * np.sin(team / 4)
        + np.where(unreviewed, 0.9, -0.18 * np.minimum(training, 4))
        + 0.35 * (promotion > 5)
        + 0.04 * np.minimum(sick, 10)
        + np.select([department == d for d in DEPARTMENTS], [0.2, -0.3, 0.0, 0.1, 0.35])
        - 0.2 * (support - 3)
    )
    together = (
        1.6 * (overtime == "Yes") * (travel >= 7)
        - 1.2 * np.tanh(gap / 8) * (role > 3)
        + 1.1 * np.tanh((commute - 18) / 8) * np.where(remote >= 2, -1, 0.6)
        + 0.9 * np.tanh((workload - 41) / 4) * np.where(support <= 2, 1.4, -0.5)
        + 1.7 * ((department == "Care") & (shift == "Night"))
        - 1.4 * ((department == "Production") & (shift == "Night"))
    )
    log_odds = mains * alone + pairs * together
    log_odds = log_odds - np.mean(log_odds) - 1.9
    probability = floor + (1 - floor) / (1 + np.exp(-log_odds))
    left = np.where(dice.random(n) < probability, "Yes", "No")

    columns: Columns = {
        "Years of service": tenure.tolist(),
        "Years in role": role.tolist(),
        "Job level": level.astype(int).tolist(),
        "Salary": salary.tolist(),
        "Salary gap": gap.tolist(),
        "Overtime": overtime.tolist(),
        "Travel days": travel.tolist(),
        "Commute": commute.tolist(),
        "Remote days": remote.tolist(),
        "Workload": workload.tolist(),
        "Manager support": support.tolist(),
        "Satisfaction": satisfaction.tolist(),
        "Department": department.tolist(),
        "Shift": shift.tolist(),
        "Training days": training.tolist(),
        "Years since promotion": promotion.tolist(),
        "Team size": team.tolist(),
        "Sick days": sick.tolist(),
        "Hourly wage": np.round(salary / 152 + dice.normal(0, 0.4, n), 2).tolist(),
        "Badge digit": dice.integers(0, 10, n).tolist(),
        "Parking row": dice.integers(1, 80, n).tolist(),
        "Desk height": np.round(dice.normal(72, 3, n), 1).tolist(),
        "Payroll group": dice.choice(GROUPS, n).tolist(),
        "Coin": dice.choice(["heads", "tails"], n).tolist(),
        "Left": left.tolist(),
    }
    _blank(columns["Satisfaction"], dice.random(n) < 0.1)
    _blank(columns["Sick days"], dice.random(n) < 0.05)
    # Who is never reviewed has no training days on file: the blank itself tells something.
    _blank(columns["Training days"], unreviewed)
    return History(plan=plan_of(columns), columns=columns, probability=probability)


def _blank(column: list[Any], where: np.ndarray) -> None:
    for row in np.flatnonzero(where):
        column[row] = None


SCALES = {"Job level", "Manager support", "Satisfaction"}


def plan_of(columns: Columns, target: str = "Left", leaver: str = "Yes") -> TrainingPlan:
    """The plan that a person would agree to for these columns."""
    features = tuple(_feature(h, column) for h, column in columns.items() if h != target)
    return TrainingPlan(
        name="simulated",
        title={"en": "Simulated history", "fr": "Historique simulé"},
        source={"en": "Invented.", "fr": "Inventé."},
        target=target,
        leaver=leaver,
        schema=FeatureSchema(features=features),
        left_out={},
    )


def _feature(header: str, column: list[Any]) -> Feature:
    known = sorted({value for value in column if value is not None})
    name = header.lower().replace(" ", "_")
    label = {"en": header, "fr": header}
    if header in SCALES or (known and isinstance(known[0], str)):
        return Feature(
            name=name,
            column=header,
            kind="scale" if header in SCALES else "choice",
            label=label,
            choices=tuple(Choice(value=v, label={"en": str(v), "fr": str(v)}) for v in known),
        )
    return Feature(
        name=name,
        column=header,
        kind="number",
        label=label,
        integer=all(isinstance(value, int) for value in known),
        minimum=min(known, default=0),
        maximum=max(known, default=0),
    )
