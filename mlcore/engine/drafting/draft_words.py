"""What a draft says of a column, in English and French."""

from __future__ import annotations

from collections.abc import Mapping

from mlcore.engine.words import Words


def reason(code: str, **params: object) -> Words:
    """A sentence of `REASONS`, filled in."""
    return {language: text.format(**params) for language, text in REASONS[code].items()}


REASONS: Mapping[str, Words] = {
    "target": {
        "en": "It says who left: “{leaver}” means leaving.",
        "fr": "Elle dit qui est parti : « {leaver} » signifie un départ.",
    },
    "target_alone": {"en": "It says who left.", "fr": "Elle dit qui est parti."},
    "identifier": {
        "en": "It holds the employee’s reference, by which a prediction is found again.",
        "fr": "Elle contient le matricule, qui permet de retrouver une estimation.",
    },
    "input": {
        "en": "The model may learn from it.",
        "fr": "Le modèle peut en apprendre quelque chose.",
    },
    "protected": {
        "en": "The law protects it, or it stands for something protected: kept apart to measure"
        " fairness, never used by the model.",
        "fr": "Caractéristique protégée par la loi, ou qui en tient lieu : conservée à part pour"
        " mesurer l’équité, jamais utilisée par le modèle.",
    },
    "birth_date": {
        "en": "A date that tells a protected attribute. To audit by age, add a column with it.",
        "fr": "Une date qui révèle une caractéristique protégée. Pour contrôler l’équité selon"
        " l’âge, ajoutez une colonne avec l’âge.",
    },
    "as_chosen": {
        "en": "As chosen by hand.",
        "fr": "Choix fait à la main.",
    },
    "constant": {
        "en": "The same for everyone: there is nothing to learn from it.",
        "fr": "Identique pour tous : il n’y a rien à en apprendre.",
    },
    "blank": {
        "en": "Blank for nearly everyone.",
        "fr": "Vide pour presque tout le monde.",
    },
    "duplicate": {
        "en": "The same as “{column}”, row by row.",
        "fr": "Identique à « {column} », ligne par ligne.",
    },
    "identifies": {
        "en": "It identifies a person and tells nothing about them.",
        "fr": "Elle identifie une personne et n’apprend rien sur elle.",
    },
    "names_a_person": {
        "en": "It names or identifies a person, and tells nothing about why people leave.",
        "fr": "Elle nomme ou identifie une personne, et n’apprend rien sur les raisons de partir.",
    },
    "date": {
        "en": "A date. The model learns from durations: add a column such as years at the company.",
        "fr": "Une date. Le modèle apprend à partir de durées : ajoutez par exemple une colonne"
        " avec l’ancienneté.",
    },
    "text": {
        "en": "Free text: too many different answers to learn from.",
        "fr": "Du texte libre : trop de réponses différentes pour en apprendre quelque chose.",
    },
    "which_column": {
        "en": "Which column says who left?",
        "fr": "Quelle colonne dit qui est parti ?",
    },
    "which_value": {
        "en": "Which value of “{column}” means that the employee left?",
        "fr": "Quelle valeur de « {column} » signifie que le collaborateur est parti ?",
    },
    "no_inputs": {
        "en": "No column is left to learn from. Put one back, or bring a file with more columns.",
        "fr": "Il ne reste aucune colonne dont apprendre. Remettez-en une, ou apportez un fichier"
        " qui en contient davantage.",
    },
}

NOTES: Mapping[str, Words] = {
    "blank_words": {
        "en": "Read as blank: {words}.",
        "fr": "Lu comme une cellule vide : {words}.",
    },
    "rare": {
        "en": "Given by fewer than {rows} people each: {count} of its answers.",
        "fr": "Réponses données par moins de {rows} personnes chacune : {count}.",
    },
}
