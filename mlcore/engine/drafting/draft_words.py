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
    "code": {
        "en": "A code. It names a person, a place or an account and measures nothing; with so many"
        " of them, there is nothing to learn from it.",
        "fr": "Un code. Il désigne une personne, un lieu ou un compte et ne mesure rien ; il y en a"
        " trop pour en apprendre quelque chose.",
    },
    "duration": {
        "en": "Durations written in two units, or in words. Write each as one number, of months or"
        " of hours, and bring the file again.",
        "fr": "Des durées écrites en deux unités, ou en toutes lettres. Écrivez chacune sous forme"
        " d’un seul nombre, de mois ou d’heures, et apportez le fichier à nouveau.",
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
    "which_of": {
        "en": "Which column says who left? Several could: {columns}.",
        "fr": "Quelle colonne dit qui est parti ? Plusieurs le pourraient : {columns}.",
    },
    "filled_means_left": {
        "en": "“{column}” is filled in for some employees and blank for the others. If that is how"
        " the file tells who left, add a column beside it: Yes where it is filled in, No where it"
        " is blank.",
        "fr": "« {column} » est remplie pour certains collaborateurs et vide pour les autres. Si"
        " c’est ainsi que le fichier indique les départs, ajoutez une colonne à côté : Oui où elle"
        " est remplie, Non où elle est vide.",
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
    "repeats": {
        "en": "{count} employees appear more than once: they stay together when the model is"
        " tested.",
        "fr": "{count} collaborateurs apparaissent plusieurs fois : leurs lignes restent ensemble"
        " quand le modèle est évalué.",
    },
    "repeats_one": {
        "en": "One employee appears more than once: their rows stay together when the model is"
        " tested.",
        "fr": "Un collaborateur apparaît plusieurs fois : ses lignes restent ensemble quand le"
        " modèle est évalué.",
    },
    "two_ways": {
        "en": "“{cell}” can be read in two ways, and nothing in the column tells which: it is read"
        " as {value}.",
        "fr": "« {cell} » peut se lire de deux façons, et rien dans la colonne ne dit laquelle : le"
        " nombre lu est {value}.",
    },
    "blank_words": {
        "en": "Read as blank: {words}.",
        "fr": "Lu comme une cellule vide : {words}.",
    },
    "rare": {
        "en": "Given by fewer than {rows} people each: {count} of its answers.",
        "fr": "Réponses données par moins de {rows} personnes chacune : {count}.",
    },
}
