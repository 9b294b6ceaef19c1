"""A model with everything that a card and an artifact may hold, made up from the bundled one."""

from __future__ import annotations

from dataclasses import replace

from mlcore.engine.artifact import files_of
from mlcore.engine.shapes import Axis, Pair

THRESHOLDS = [step / 100 for step in range(100)]


def _leavers(leavers, steepness):
    return [round(leavers * (1 - t) ** steepness, 2) for t in THRESHOLDS]


def _listed(people, leavers, steepness):
    """Who stayed is listed ever more seldom than who left."""
    stayed = [(people - leavers) * (1 - t) ** (steepness * 6) for t in THRESHOLDS]
    pairs = zip(stayed, _leavers(leavers, steepness), strict=True)
    return [round(a + b, 2) for a, b in pairs]


def _metric(mean, spread):
    return {"mean": mean, "sd": spread, "low": mean - spread, "high": mean + spread}


def _curve(at):
    return [
        {
            "x": step / 50,
            "y": at(step / 50),
            "low": max(at(step / 50) - 0.04, 0),
            "high": min(at(step / 50) + 0.04, 1),
        }
        for step in range(51)
    ]


def _group(value, english, french, people, leavers, steepness):
    return {
        "value": value,
        "label": {"en": english, "fr": french},
        "people": people,
        "leavers": leavers,
        "mean_risk": leavers / people,
        "listed": _listed(people, leavers, steepness),
        "leavers_listed": _leavers(leavers, steepness),
    }


def _density(feature):
    if feature.choices:
        return {"answers": [[c.value, 900 // (n + 1)] for n, c in enumerate(feature.choices)]}
    low, high = feature.seen or (feature.minimum, feature.maximum)
    edges = [low + (high - low) * step / 20 for step in range(21)]
    return {"edges": edges, "counts": [150 - 7 * step for step in range(20)]}


def full_card(artifact):
    """A card with every part, over the artifact's own schema."""
    schema = artifact.schema
    predicted = [0.02, 0.03, 0.05, 0.07, 0.1, 0.14, 0.19, 0.27, 0.41, 0.68]
    return {
        **artifact.card,
        "name": "everything",
        "rows": 1470,
        "leavers": 237,
        "base_rate": 237 / 1470,
        "duplicates": {"rows": 12},
        "set_aside": {"no_answer": 3, "unreadable": 1},
        "data_sha256": "d" * 64,
        "target": {"column": "Attrition", "leaver": "Yes"},
        "inputs": [feature.name for feature in schema.features],
        "audit_attributes": [feature.name for feature in schema.audit],
        "left_out": {"Over18": {"en": "The same for everyone.", "fr": "Identique pour tous."}},
        "selection": {
            "rule": {"en": "one standard error", "fr": "une erreur type"},
            "path": [
                {
                    "inputs": n,
                    "removed": {12: None, 11: "hourly", 10: "a_column"}.get(n, "over_time"),
                    "log_loss": 0.3 + 0.2 / n**2,
                    "se": 0.008,
                }
                for n in range(12, 2, -1)
            ],
            "cost": {
                "education": {"label": {"en": "Education", "fr": "Formation"}, "log_loss": 0.0012},
                "hourly": {"label": {"en": "Hourly rate", "fr": "Taux"}, "log_loss": -0.0003},
            },
            "kept": 6,
        },
        "pairs": [{"features": ["over_time", "job_level"], "log_loss": 0.004}],
        "pairs_tried": 40,
        "floor": 0.02,
        "method": {"en": "several learners, averaged", "fr": "plusieurs apprenants, en moyenne"},
        "evaluation": {
            "protocol": {"en": "10 folds × 2", "fr": "10 plis × 2"},
            "metrics": {
                "roc_auc": _metric(0.857, 0.02),
                "average_precision": _metric(0.699, 0.03),
                "brier": _metric(0.0847, 0.004),
                "log_loss": _metric(0.302, 0.012),
                "calibration_error": _metric(0.021, 0.004),
            },
            "baselines": {
                "base_rate": {
                    "roc_auc": 0.5,
                    "average_precision": 0.161,
                    "brier": 0.135,
                    "log_loss": 0.441,
                    "calibration_error": 0.0,
                },
                "logistic_regression": {
                    "roc_auc": 0.843,
                    "average_precision": 0.663,
                    "brier": 0.0894,
                    "log_loss": 0.317,
                    "calibration_error": 0.03,
                },
            },
            "curves": {
                "roc": _curve(lambda x: x**0.22),
                "precision_recall": _curve(lambda x: 0.92 - 0.6 * x**2.2),
                "calibration": [
                    {
                        "predicted": p,
                        "observed": p * 0.95 + 0.01,
                        "low": p * 0.75,
                        "high": min(p * 1.2 + 0.03, 1),
                        "people": 147,
                    }
                    for p in predicted
                ],
                "distribution": {
                    "edges": [step / 20 for step in range(21)],
                    "stayed": [int(500 / (step + 1)) for step in range(20)],
                    "left": [20 - step // 2 for step in range(20)],
                },
            },
            "operating": {
                "thresholds": THRESHOLDS,
                "listed": _listed(1470, 237, 1.4),
                "leavers": _leavers(237, 1.4),
            },
        },
        "fairness": {
            "gender": {
                "label": {"en": "Gender", "fr": "Genre"},
                "groups": [
                    _group("Female", "Women", "Femmes", 588, 87, 2.2),
                    _group("Male", "Men", "Hommes", 882, 150, 1.2),
                ],
                "hidden": 2,
            },
            "age": {
                "label": {"en": "Age", "fr": "Âge"},
                "groups": [
                    _group("-29", "Under 30", "Moins de 30 ans", 326, 91, 1),
                    _group("30-", "30 and older", "30 ans et plus", 1144, 146, 1.6),
                ],
            },
        },
        "density": {feature.name: _density(feature) for feature in schema.features},
        "not_for": [
            {
                "en": "Deciding about a person without a conversation.",
                "fr": "Décider du sort d’une personne sans entretien.",
            }
        ],
        "compiled": {"largest_probability_gap": 0.0004, "roc_auc_gap": 0.0001},
        "operating_point": {"conversations_per_leaver": 3.0},
        "trained_with": {"numpy": "2.4.6"},
    }


def full_model(artifact):
    """The bundled model with a card of every part, a pair, a floor and a learned blank."""
    overtime = Axis(answers=("No", "Yes"))
    distance = Axis(cuts=(2.5, 9.5, 20.5))
    pair = Pair(
        ("over_time", "distance_from_home"),
        (overtime, distance),
        ((0.0, -0.1, -0.2, -0.3, 0.0), (0.1, 0.4, 0.6, 0.9, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0)),
    )
    shapes = dict(artifact.model.shapes)
    shapes["distance_from_home"] = replace(shapes["distance_from_home"], missing=0.4)
    model = replace(artifact.model, shapes=shapes, pairs=(pair,), floor=0.02)
    return replace(artifact, model=model, card=full_card(artifact), sha256="")


def full_files(artifact):
    """The files of `full_model`: the same bytes for everyone who asks in one process."""
    if artifact.sha256 not in _full_files:
        _full_files[artifact.sha256] = files_of(full_model(artifact))
    return dict(_full_files[artifact.sha256])


_full_files = {}


def small_model(artifact, keep=("over_time", "distance_from_home", "job_role", "job_level")):
    """The same with a few inputs: as much to see, sooner looked through."""
    schema = replace(
        artifact.schema,
        features=tuple(feature for feature in artifact.schema.features if feature.name in keep),
    )
    shapes = {feature.name: artifact.model.shapes[feature.name] for feature in schema.features}
    model = replace(artifact.model, shapes=shapes, pairs=())
    return full_model(replace(artifact, schema=schema, model=model))
