"""A model that has nothing in common with the bundled one: other columns, pairs, floor, blanks.

Its words, ranges and kinds are chosen to be awkward: an accent in a header, a negative minimum,
decimals, a choice with more answers than buttons, a scale that begins at 0, French with
apostrophes, and an input whose name the bundled model has too, with another meaning.
"""

from __future__ import annotations

from mlcore.engine.artifact import Artifact
from mlcore.engine.features import Choice, Feature, Section
from mlcore.engine.glassbox import GlassBoxModel
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.schema import FeatureSchema
from mlcore.engine.shapes import Axis, Curve, Pair, Table

SITES = ["Lyon", "Nantes", "Lille", "Bordeaux", "Strasbourg", "Dijon", "L'Isle-d'Abeau"]

SCHEMA = FeatureSchema(
    features=(
        Feature(
            name="salaire_base",
            column="Salaire de base",
            kind="number",
            label={"en": "Base salary", "fr": "Salaire de base"},
            unit={"en": "euros", "fr": "euros"},
            section="contrat",
            integer=False,
            minimum=-500.5,
            maximum=25_000,
            seen=(1_766.92, 9_200.5),
            typical=2_450.75,
            actionable=True,
        ),
        Feature(
            name="agence",
            column="Agence",
            kind="choice",
            label={"en": "Branch", "fr": "Agence"},
            section="contrat",
            choices=tuple(
                Choice(value=site, label={"en": f"{site} branch", "fr": f"Agence de {site}"})
                for site in SITES
            ),
            typical="Lyon",
        ),
        Feature(
            name="job_level",
            column="Niveau d'emploi",
            kind="choice",
            label={"en": "Pay grade", "fr": "Niveau d’emploi"},
            choices=(
                Choice(value="cadre", label={"en": "Manager", "fr": "Cadre"}),
                Choice(value="etam", label={"en": "Staff", "fr": "ETAM"}),
            ),
            typical="etam",
        ),
        Feature(
            name="engagement",
            column="Engagement (0-4)",
            kind="scale",
            label={"en": "Engagement", "fr": "Engagement"},
            choices=tuple(
                Choice(value=step, label={"en": f"Step {step}", "fr": f"Degré {step}"})
                for step in range(5)
            ),
            typical=2,
            actionable=True,
        ),
        Feature(
            name="teletravail",
            column="Télétravail",
            kind="choice",
            label={"en": "Works from home", "fr": "Fait du télétravail"},
            choices=(
                Choice(value="Non", label={"en": "No", "fr": "Non"}, aliases=("false",)),
                Choice(value="Oui", label={"en": "Yes", "fr": "Oui"}, aliases=("true",)),
            ),
            typical="Non",
            actionable=True,
        ),
    ),
    audit=(
        Feature(
            name="sexe",
            column="Sexe",
            kind="choice",
            label={"en": "Sex", "fr": "Sexe"},
            choices=(
                Choice(value="F", label={"en": "Woman", "fr": "Femme"}),
                Choice(value="H", label={"en": "Man", "fr": "Homme"}),
            ),
        ),
    ),
    sections=(Section(name="contrat", label={"en": "Contract", "fr": "Contrat"}),),
    identifier_aliases=("Matricule",),
)

MODEL = GlassBoxModel(
    intercept=-2.25,
    base_rate=0.14,
    floor=0.03,
    shapes={
        "salaire_base": Curve((1_766.92, 2_000.0, 9_200.5), (0.9, 0.4, -0.8), missing=0.35),
        "agence": Table({site: 0.1 * place - 0.3 for place, site in enumerate(SITES)}, 0.0),
        "job_level": Table({"cadre": -0.2, "etam": 0.1}, 0.0),
        "engagement": Table({step: 0.8 - 0.4 * step for step in range(5)}, -0.15),
        "teletravail": Table({"Non": 0.3, "Oui": -0.6}, 0.0),
    },
    pairs=(
        Pair(
            ("salaire_base", "teletravail"),
            (Axis(cuts=(2_000.0, 4_000.0)), Axis(answers=("Non", "Oui"))),
            ((1.1, -0.4, 0.0), (0.1, 0.0, 0.0), (-0.2, 0.1, 0.0), (0.25, -0.25, 0.0)),
        ),
        Pair(
            ("engagement", "agence"),
            (Axis(answers=tuple(range(5))), Axis(answers=tuple(SITES))),
            tuple(tuple(0.01 * (row + 1) * (place - 3) for place in range(8)) for row in range(6)),
        ),
    ),
)

CARD = {
    "name": "agences",
    "title": {"en": "Our branches", "fr": "Nos agences"},
    "pairs": [{"features": list(pair.features), "log_loss": -0.004} for pair in MODEL.pairs],
    "floor": MODEL.floor,
}

ARTIFACT = Artifact(SCHEMA, MODEL, OperatingPoint((0.08, 0.2, 0.45)), CARD)

EMPLOYEE = {
    "employee_id": "M-0071",
    "salaire_base": 1_900.5,
    "agence": "Nantes",
    "job_level": "etam",
    "engagement": 1,
    "teletravail": "Non",
}
