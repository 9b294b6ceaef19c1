"""The making of an artifact: prepare, train, evaluate, describe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from mlcore.engine import artifact
from mlcore.engine.artifact import Artifact, ArtifactError
from mlcore.engine.judging import distributions, evaluation, figures
from mlcore.engine.judging.evaluation import Evaluation, Progress
from mlcore.engine.learning.preparation import TrainingSet, prepare
from mlcore.engine.operating import OperatingPoint
from mlcore.engine.plan import TrainingError, TrainingPlan
from mlcore.engine.words import LANGUAGES, Words, number_text, say

# Missing one leaver costs as much as this many needless conversations, until HR says otherwise.
CONVERSATIONS_PER_LEAVER = 3.0
SMALL_GROUP = 30
"""People; the rates of fewer are mostly chance."""

NOT_FOR: tuple[Words, ...] = (
    {
        "en": "Decisions about one person: dismissal, promotion, pay, assignment. It says where a"
        " conversation may be worth having, and a human being decides.",
        "fr": "Les décisions individuelles\u00a0: licenciement, promotion, rémunération,"
        " affectation. Il indique où un entretien peut être utile\u00a0; c’est un être humain qui"
        " décide.",
    },
    {
        "en": "People outside the population that it learned from: another company, country or"
        " occupation, apprentices or temporary staff who were not in the file.",
        "fr": "Les personnes étrangères à la population d’apprentissage\u00a0: autre entreprise,"
        " autre pays, autre métier, apprentis ou intérimaires absents du fichier.",
    },
    {
        "en": "Saying why people leave. It shows what went together with leaving in the past;"
        " changing it need not change the outcome.",
        "fr": "Dire pourquoi l’on part. Il montre ce qui allait de pair avec les départs passés"
        "\u00a0; agir dessus ne change pas forcément l’issue.",
    },
    {
        "en": f"Conclusions about groups of fewer than {SMALL_GROUP} people: their figures are"
        " mostly chance.",
        "fr": f"Les conclusions sur des groupes de moins de {SMALL_GROUP} personnes\u00a0: leurs"
        " chiffres relèvent surtout du hasard.",
    },
    {
        "en": "Use for years on end. Train it again on fresh history at least once a year, and"
        " after every reorganisation.",
        "fr": "Une utilisation de longue durée. Entraînez-le de nouveau sur un historique récent au"
        " moins une fois par an, et après chaque réorganisation.",
    },
)


def make(
    plan: TrainingPlan,
    columns: Mapping[str, Sequence[object]],
    *,
    progress: Progress | None = None,
    jobs: int = 1,
) -> Artifact:
    """Train on a table, given by the headers of its file; the same table gives the same artifact.

    `jobs` processes share the work. `progress` is told of the steps `reading`, `training`,
    `evaluating` and `describing`; what it raises ends the work. Raises `TrainingError` when no
    model can be learned from the table.
    """
    tell = progress or (lambda step, done, total: None)
    tell("reading", 0, 1)
    data = prepare(plan, columns)
    tell("reading", 1, 1)
    measured = evaluation.evaluate(data, progress=progress, jobs=jobs)
    tell("describing", 0, 1)
    described = figures.describe(measured.out_of_fold)
    _refuse_chance(described)
    card = _card(plan, data, measured, described)
    point = OperatingPoint.from_costs(CONVERSATIONS_PER_LEAVER)
    made = Artifact(measured.trained.schema, measured.trained.model, point, card)
    _refuse_unsound(made)
    tell("describing", 1, 1)
    return made


def _refuse_unsound(made: Artifact) -> None:
    """Raises `TrainingError` when the artifact would not be read again."""
    try:
        files = artifact.files_of(made)
        if large := [name for name, it in files.items() if len(it) > artifact.LARGEST_FILE]:
            raise ArtifactError(f"{large[0]} is larger than any model’s.")
        artifact.parse(files)
    except (ArtifactError, ValueError) as error:
        raise TrainingError(
            {
                "en": "The model that these columns give cannot be kept. Leave out columns with"
                f" very many answers or very large numbers. ({error})",
                "fr": "Le modèle obtenu avec ces colonnes ne peut pas être conservé. Écartez les"
                " colonnes aux réponses très nombreuses ou aux nombres très grands."
                f" ({error})",
            }
        ) from error


def _refuse_chance(described: Mapping[str, Any]) -> None:
    """Raises `TrainingError` when the model foretells no better than the base rate does."""
    metrics, baseline = described["metrics"], described["baselines"]["base_rate"]
    if metrics["roc_auc"]["low"] > 0.5 and metrics["log_loss"]["mean"] < baseline["log_loss"]:
        return
    area = metrics["roc_auc"]["mean"]
    raise TrainingError(
        {
            "en": "Nothing in these columns foretells who leaves: on employees whom it had not"
            " seen, the model did no better than saying the same of everyone (ROC AUC"
            f" {number_text(round(area, 2), 'en')}; 0.5 is chance). More employees, a longer period"
            " or other columns may help.",
            "fr": "Rien dans ces colonnes ne laisse prévoir les départs\u00a0: sur des"
            " collaborateurs qu’il n’avait pas vus, le modèle n’a pas fait mieux que de donner la"
            f" même réponse pour tous (AUC ROC {number_text(round(area, 2), 'fr')}\u00a0; 0,5"
            " correspond au hasard). Davantage de collaborateurs, une période plus longue ou"
            " d’autres colonnes peuvent aider.",
        }
    )


def _card(
    plan: TrainingPlan, data: TrainingSet, measured: Evaluation, described: Mapping[str, Any]
) -> dict[str, Any]:
    """All that is told of the model; JSON data, without the time that making it took."""
    trained, report = measured.trained, measured.trained.report
    audited = [(feature, data.frame.audit[feature.name]) for feature in data.schema.audit]
    thresholds = described["operating"]["thresholds"]
    return {
        "name": plan.name,
        "title": dict(plan.title),
        "source": dict(plan.source),
        "rows": len(data.left),
        "leavers": int(data.left.sum()),
        "base_rate": round(float(data.left.mean()), 6),
        "duplicates": {"rows": data.duplicates},
        "repeated_employees": data.repeated_employees,
        "set_aside": {"no_answer": data.no_answer, "unreadable": data.unreadable},
        "data_sha256": _fingerprint(data),
        "target": {"column": plan.target, "leaver": plan.leaver},
        "inputs": [feature.name for feature in trained.schema.features],
        "audit_attributes": [feature.name for feature in trained.schema.audit],
        "left_out": _left_out(plan, data, report),
        **report,
        "evaluation": dict(described),
        "fairness": figures.by_group(audited, measured.out_of_fold, thresholds),
        "density": {
            feature.name: distributions.density(feature, data.frame.inputs[feature.name])
            for feature in trained.schema.features
        },
        "not_for": [dict(words) for words in NOT_FOR],
        "operating_point": {"conversations_per_leaver": CONVERSATIONS_PER_LEAVER},
        "trained_with": {name: version(name) for name in ("numpy", "scikit-learn")},
    }


def _left_out(plan: TrainingPlan, data: TrainingSet, report: Mapping[str, Any]) -> dict[str, Words]:
    """Columns that nobody is asked for, with why: people's reasons, the data's, the selection's."""
    reasons: dict[str, Words] = {
        column: dict(why) for column, why in {**plan.left_out, **data.dropped}.items()
    }
    for name, cost in report.get("selection", {}).get("cost", {}).items():
        loss = round(float(cost["log_loss"]), 4)
        words = _NOT_NEEDED if loss > 0 else _BETTER_WITHOUT
        reasons[data.schema.by_name[name].column] = {
            language: say(words, language).format(loss=number_text(loss, language))
            for language in LANGUAGES
        }
    return reasons


_NOT_NEEDED: Words = {
    "en": "Not needed: asking for it as well lowers the log loss by {loss}, which is within its"
    " uncertainty.",
    "fr": "Inutile\u00a0: la demander aussi abaisse la perte logarithmique de {loss}, ce qui reste"
    " dans la marge d’incertitude.",
}
_BETTER_WITHOUT: Words = {
    "en": "Not needed: on people it has not seen, the model does as well without it.",
    "fr": "Inutile\u00a0: sur des personnes qu’il n’a pas vues, le modèle fait aussi bien sans"
    " elle.",
}


def _fingerprint(data: TrainingSet) -> str:
    """Hash of the cleaned inputs and answers: names the data without keeping it."""
    content = json.dumps([data.frame.inputs, data.left.tolist()], separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
