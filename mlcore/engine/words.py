"""Texts in several languages, and everything that can be wrong with a value, in words.

The engine runs without Django, so it carries its own sentences: one table, one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

Words = Mapping[str, str]
"""A text by language: `{"en": "Monthly income", "fr": "Rémunération mensuelle"}`."""

LANGUAGES = ("en", "fr")


def say(words: Words, language: str, default: str = "") -> str:
    """The text in `language` (`"fr"`, `"fr-ca"`), else in English, else in any, else `default`."""
    return words.get(language[:2]) or words.get("en") or next(iter(words.values()), "") or default


def number_text(value: float, language: str) -> str:
    """A number as people write it: `12,345.5` in English, `12 345,5` in French."""
    # As many digits as a float can promise, and never an exponent.
    exact = Decimal(int(value) if value == int(value) else f"{value:.15g}")
    text = f"{exact:,f}"
    if language[:2] == "fr":
        return text.translate({ord(","): "\u202f", ord("."): ","})
    return text


PROBLEMS: Mapping[str, Words] = {
    "not_an_object": {
        "en": "Give the employee as an object: one value per field.",
        "fr": "Décrivez le collaborateur par un objet : une valeur par champ.",
    },
    "nothing_known": {
        "en": "Fill in at least one of the fields that the model uses.",
        "fr": "Renseignez au moins un des champs utilisés par le modèle.",
    },
    "unknown_field": {
        "en": "The model has no such field.",
        "fr": "Le modèle ne connaît pas ce champ.",
    },
    "unknown_field_like": {
        "en": "The model has no such field. Did you mean “{suggestion}”?",
        "fr": "Le modèle ne connaît pas ce champ. Vouliez-vous dire « {suggestion} » ?",
    },
    "not_a_number": {
        "en": "“{given}” is not a number. Write it in digits, for example {example}.",
        "fr": "« {given} » n’est pas un nombre. Écrivez-le en chiffres, par exemple {example}.",
    },
    "not_whole": {
        "en": "“{given}” is not a whole number. Leave out the decimals.",
        "fr": "« {given} » n’est pas un nombre entier. Supprimez les décimales.",
    },
    "ambiguous_number": {
        "en": "“{given}” can be read in two ways. Write it without a thousands separator.",
        "fr": "« {given} » peut se lire de deux façons. Écrivez-le sans séparateur de milliers.",
    },
    "out_of_range": {
        "en": "{given} is out of range. Enter a number from {minimum} to {maximum}.",
        "fr": "{given} est hors limites. Saisissez un nombre de {minimum} à {maximum}.",
    },
    "not_a_choice": {
        "en": "“{given}” is not one of the choices: {choices}.",
        "fr": "« {given} » ne fait pas partie des choix : {choices}.",
    },
    "ragged": {
        "en": "The row has {cells} cells, but the header has {width}: nobody can tell which column"
        " each belongs to. Give it as many as the header has; in a CSV file, look for a separator"
        " or a line break too many or too few.",
        "fr": "La ligne compte {cells} cellules, mais l’en-tête en compte {width} : impossible"
        " de savoir à quelle colonne chacune appartient. Donnez-lui autant de cellules que"
        " l’en-tête ; dans un fichier CSV, cherchez un séparateur ou un retour à la ligne en"
        " trop ou manquant.",
    },
    "merge_marker": {
        "en": "This line marks a merge that nobody finished. Keep one of the two versions below it"
        " and delete the marks.",
        "fr": "Cette ligne signale une fusion restée inachevée. Gardez une seule des deux versions"
        " qui suivent et supprimez les marques.",
    },
    "merging": {
        "en": "This row stands between the marks of a merge that nobody finished: the file says it"
        " twice, differently. Keep one version and delete the marks.",
        "fr": "Cette ligne se trouve entre les marques d’une fusion restée inachevée : le fichier"
        " la donne deux fois, différemment. Gardez une seule version et supprimez les marques.",
    },
    "total_row": {
        "en": "This row seems to hold the totals or averages of the others, and is no employee’s."
        " Nothing was assessed. If it is an employee’s, fill in the blank cells.",
        "fr": "Cette ligne semble contenir les totaux ou les moyennes des autres : ce n’est pas un"
        " collaborateur, rien n’a été estimé. Si c’en est un, remplissez les cellules vides.",
    },
    "not_text": {
        "en": "Give the employee’s reference as text.",
        "fr": "Donnez la référence du collaborateur sous forme de texte.",
    },
    "too_long": {
        "en": "Shorten it to at most {maximum} characters; it has {length}.",
        "fr": "Raccourcissez à {maximum} caractères au plus ; il y en a {length}.",
    },
    "unprintable": {
        "en": "Remove the characters that cannot be printed.",
        "fr": "Supprimez les caractères non imprimables.",
    },
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one value.

    `params` holds what the sentence needs; a number or `Words` in it is written in the reader's
    language.
    """

    code: str
    params: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """The sentence that tells what is wrong and what to do, in `language`."""
        values = {name: _in_language(value, language) for name, value in self.params.items()}
        return say(PROBLEMS[self.code], language).format_map(values)


def _in_language(value: object, language: str) -> str:
    if isinstance(value, Mapping):
        return say(value, language)
    if isinstance(value, (list, tuple)):
        return ", ".join(_in_language(item, language) for item in value)
    if isinstance(value, (int, float)):
        return number_text(value, language)
    return str(value)
