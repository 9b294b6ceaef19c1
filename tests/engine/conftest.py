"""The bundled model, the public file, and a small schema of every kind of feature."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import mlcore
from mlcore.engine import artifact
from mlcore.engine.features import Choice, Feature, Section
from mlcore.engine.plan import TrainingPlan
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.tabular import match_columns
from mlcore.public_data import ibm_columns
from tests.engine.small_history import few_stumps

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

BUNDLED = Path(mlcore.__file__).parent / "bundled"


@pytest.fixture(autouse=True)
def _fresh_process():
    """The engine knows no registry: nothing to forget between its tests."""


@pytest.fixture(name="few_stumps")
def _few_stumps():
    with few_stumps():
        yield


@pytest.fixture(scope="session")
def bundled():
    return artifact.load(BUNDLED / "ibm")


@pytest.fixture(scope="session")
def plan():
    return TrainingPlan.load(BUNDLED / "ibm_plan.json")


@pytest.fixture(scope="session")
def columns():
    """The public file by its own headers."""
    return ibm_columns()


@pytest.fixture(scope="session")
def employees(bundled, columns):
    """The 1,470 employees of the public file, cleaned."""
    headers = match_columns(list(columns), bundled.schema).headers
    return bundled.schema.clean_frame({name: columns[h] for name, h in headers.items()})


@pytest.fixture(scope="session")
def schema():
    """Small, and with a feature of every kind."""
    return FeatureSchema(
        features=(
            Feature(
                name="monthly_income",
                column="MonthlyIncome",
                kind="number",
                label={"en": "Monthly income", "fr": "Rémunération mensuelle"},
                help={"en": "Gross.", "fr": "Brute."},
                unit={"en": "dollars", "fr": "dollars"},
                section="pay",
                minimum=1,
                maximum=1_000_000,
                seen=(1_009, 19_999),
                typical=4_919,
                aliases=("Salary", "Salaire"),
                actionable=True,
            ),
            Feature(
                name="commute",
                column="Commute",
                kind="number",
                label={"en": "Commute", "fr": "Trajet"},
                unit={"en": "km", "fr": "km"},
                integer=False,
                minimum=-50,
                maximum=5_000,
                seen=(0.5, 29.25),
                typical=7.5,
            ),
            Feature(
                name="satisfaction",
                column="JobSatisfaction",
                kind="scale",
                label={"en": "Satisfaction", "fr": "Satisfaction"},
                choices=(
                    Choice(value=0, label={"en": "None", "fr": "Aucune"}),
                    Choice(value=3, label={"en": "High", "fr": "Élevée"}),
                    Choice(value=4, label={"en": "Very high", "fr": "Très élevée"}),
                ),
                typical=3,
            ),
            Feature(
                name="department",
                column="Department",
                kind="choice",
                label={"en": "Department", "fr": "Service"},
                choices=(
                    Choice(
                        value="Research & Development",
                        label={
                            "en": "Research and development",
                            "fr": "Recherche et développement",
                        },
                        aliases=("R&D",),
                    ),
                    Choice(value="Sales", label={"en": "Sales", "fr": "Commercial"}),
                ),
                typical="Sales",
            ),
            Feature(
                name="over_time",
                column="OverTime",
                kind="choice",
                label={"en": "Works overtime", "fr": "Fait des heures supplémentaires"},
                choices=(
                    Choice(value="No", label={"en": "No", "fr": "Non"}, aliases=("false",)),
                    Choice(value="Yes", label={"en": "Yes", "fr": "Oui"}, aliases=("true",)),
                ),
                typical="No",
            ),
        ),
        audit=(
            Feature(
                name="age",
                column="Age",
                kind="number",
                label={"en": "Age", "fr": "Âge"},
                unit={"en": "years", "fr": "ans"},
                minimum=14,
                maximum=100,
            ),
        ),
        sections=(Section(name="pay", label={"en": "Pay", "fr": "Rémunération"}),),
        identifier_aliases=("EmployeeNumber", "Matricule"),
    )
