"""What people correct in a draft: checked, and told by column what cannot be.

As JSON data, everything optional:

    {"title": {"en": …, "fr": …}, "source": {"en": …, "fr": …},
     "target": header, "leaver": value, "identifier": header or "",
     "columns": {header: {"role": …, "kind": …, "label": {"en": …, "fr": …}, "why": text or words}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcore.engine.drafting.draft import ROLES
from mlcore.engine.drafting.header_words import LONGEST_LABEL
from mlcore.engine.words import LANGUAGES, Words

LONGEST_WHY = 500  # characters
_TOP = ("title", "source", "target", "leaver", "identifier", "columns")
_PER_COLUMN = ("role", "kind", "label", "why")
_KINDS = ("number", "scale", "choice")


class CorrectionError(ValueError):
    """Corrections that cannot be made: a sentence by column, `""` for the file as a whole."""

    def __init__(self, problems: Mapping[str, Words]) -> None:
        super().__init__(
            "; ".join(f"{c}: {p['en']}" if c else p["en"] for c, p in problems.items())
        )
        self.problems = problems


def problem(code: str, **params: object) -> Words:
    """A sentence of `PROBLEMS`, filled in."""
    return {language: text.format(**params) for language, text in PROBLEMS[code].items()}


def merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Earlier corrections with newer ones over them; `None` takes a correction back."""
    result = {key: value for key, value in before.items() if key != "columns"}
    for key in _TOP[:-1]:
        if key in given:
            result[key] = given[key]
    if "target" in given and "leaver" not in given and given["target"] != before.get("target"):
        result.pop("leaver", None)
    columns = {header: dict(column) for header, column in before.get("columns", {}).items()}
    for header, column in given.get("columns", {}).items():
        into = columns.setdefault(header, {})
        into.update(column)
    result["columns"] = {
        header: kept
        for header, column in columns.items()
        if (kept := {key: value for key, value in column.items() if value is not None})
    }
    _roles_above(result)
    return {key: value for key, value in result.items() if value is not None and value != {}}


def _roles_above(corrections: dict[str, Any]) -> None:
    """The target and the identifier are said once, above the columns."""
    for role in ("target", "identifier"):
        for header, column in list(corrections["columns"].items()):
            if column.get("role") == role:
                corrections[role] = header
                del column["role"]
                if not column:
                    del corrections["columns"][header]
        if header := corrections.get(role):
            corrections["columns"].get(header, {}).pop("role", None)


def check_form(corrections: object, headers: set[str]) -> None:
    """Raise `CorrectionError` unless `corrections` is what this module's docstring describes."""
    if not isinstance(corrections, Mapping):
        raise CorrectionError({"": problem("not_an_object")})
    problems: dict[str, Words] = {}
    if unknown := [str(key) for key in corrections if key not in _TOP]:
        problems[""] = problem("unknown_key", key=unknown[0][:60])
    for key in ("target", "leaver", "identifier"):
        if not isinstance(corrections.get(key, ""), (str, type(None))):
            problems[""] = problem("not_text", key=key)
    for key in ("title", "source"):
        if not _is_words(text := corrections.get(key)):
            problems[""] = problem("not_words", key=key)
        elif any(len(part) > LONGEST_WHY for part in (text or {}).values()):
            problems[""] = problem("long_text", key=key, most=LONGEST_WHY)
    for key in ("target", "identifier"):
        header = corrections.get(key)
        if isinstance(header, str) and header and header not in headers:
            problems[header[:200]] = problem("no_such_column")
    columns = corrections.get("columns", {})
    if not isinstance(columns, Mapping):
        raise CorrectionError({"": problem("not_an_object")})
    roles: dict[str, str] = {}
    for header, column in columns.items():
        if header not in headers:
            problems[str(header)[:200]] = problem("no_such_column")
        elif found := _column_problem(column):
            problems[header] = found
        elif (role := column.get("role")) in ("target", "identifier"):
            if role in roles or corrections.get(role, header) not in (header, None):
                problems[header] = problem("two_of_one", role=role)
            roles[role] = header
    if problems:
        raise CorrectionError(problems)


def _column_problem(column: object) -> Words | None:
    if not isinstance(column, Mapping):
        return problem("not_an_object")
    if unknown := [str(key) for key in column if key not in _PER_COLUMN]:
        return problem("unknown_key", key=unknown[0][:60])
    if column.get("role") is not None and column["role"] not in ROLES:
        return problem("unknown_role", given=str(column["role"])[:60])
    if column.get("kind") is not None and column["kind"] not in _KINDS:
        return problem("unknown_kind", given=str(column["kind"])[:60])
    label = column.get("label")
    if not _is_words(label):
        return problem("not_words", key="label")
    if label and not any(text.strip() for text in label.values()):
        return problem("empty_label")
    if label and any(len(t) > LONGEST_LABEL or not t.isprintable() for t in label.values()):
        return problem("long_label", most=LONGEST_LABEL)
    why = column.get("why")
    if not isinstance(why, str) and not _is_words(why):
        return problem("not_words", key="why")
    if any(len(text) > LONGEST_WHY for text in as_words(why).values()):
        return problem("long_why", most=LONGEST_WHY)
    return None


def _is_words(value: object) -> bool:
    return value is None or (
        isinstance(value, Mapping)
        and set(value) <= set(LANGUAGES)
        and all(isinstance(text, str) for text in value.values())
    )


def as_words(why: object) -> Words:
    """A person's text in each language: the same in those that it was not written in."""
    if isinstance(why, str):
        why = dict.fromkeys(LANGUAGES, why)
    if not isinstance(why, Mapping):
        return {}
    written = [text.strip() for text in why.values() if text.strip()]
    if not written:
        return {}
    return {language: why.get(language, "").strip() or written[0] for language in LANGUAGES}


PROBLEMS: Mapping[str, Words] = {
    "not_an_object": {
        "en": "Corrections are an object with a value per key.",
        "fr": "Les corrections se donnent sous forme d’objet : une valeur par clé.",
    },
    "unknown_key": {
        "en": "“{key}” is not something that can be corrected.",
        "fr": "« {key} » ne fait pas partie de ce qui peut être corrigé.",
    },
    "not_text": {
        "en": "Give “{key}” as text.",
        "fr": "Donnez « {key} » sous forme de texte.",
    },
    "not_words": {
        "en": "Give “{key}” as one text in English and one in French.",
        "fr": "Donnez « {key} » en deux textes, l’un en anglais, l’autre en français.",
    },
    "no_such_column": {
        "en": "The file has no such column.",
        "fr": "Le fichier ne contient pas cette colonne.",
    },
    "unknown_role": {
        "en": "“{given}” is not a role: choose input, audit, target, identifier or left out.",
        "fr": "« {given} » n’est pas un rôle : choisissez donnée d’entrée, audit, départ, "
        "matricule ou écartée.",
    },
    "unknown_kind": {
        "en": "“{given}” is not a kind: choose number, scale or choice.",
        "fr": "« {given} » n’est pas un type : choisissez nombre, échelle ou choix.",
    },
    "two_of_one": {
        "en": "Only one column can have this role.",
        "fr": "Une seule colonne peut avoir ce rôle.",
    },
    "empty_label": {
        "en": "Give the column a label.",
        "fr": "Donnez un libellé à la colonne.",
    },
    "long_label": {
        "en": "Write the label on one line of at most {most} characters.",
        "fr": "Écrivez le libellé sur une ligne de {most} caractères au plus.",
    },
    "long_text": {
        "en": "Shorten “{key}” to at most {most} characters.",
        "fr": "Raccourcissez « {key} » à {most} caractères au plus.",
    },
    "long_why": {
        "en": "Shorten the reason to at most {most} characters.",
        "fr": "Raccourcissez la raison à {most} caractères au plus.",
    },
    "target_blank": {
        "en": "This column has no answer to who left: it is blank.",
        "fr": "Cette colonne ne dit pas qui est parti : elle est vide.",
    },
    "target_answers": {
        "en": "To say who left, a column needs two answers; this one has {count}: {answers}. Keep"
        " two in the file, or choose another column.",
        "fr": "Pour dire qui est parti, une colonne doit avoir deux réponses ; celle-ci en a"
        " {count} : {answers}. N’en gardez que deux dans le fichier, ou choisissez une autre"
        " colonne.",
    },
    "target_one_answer": {
        "en": "To say who left, a column needs two answers; this one has only “{answer}”.",
        "fr": "Pour dire qui est parti, une colonne doit avoir deux réponses ; celle-ci n’a que"
        " « {answer} ».",
    },
    "leaver_unknown": {
        "en": "“{leaver}” is not one of its answers: {answers}.",
        "fr": "« {leaver} » ne fait pas partie de ses réponses : {answers}.",
    },
    "leaver_without_target": {
        "en": "Say first which column tells who left.",
        "fr": "Dites d’abord quelle colonne indique qui est parti.",
    },
    "target_and_identifier": {
        "en": "The column that says who left cannot be the employee’s reference too.",
        "fr": "La colonne qui dit qui est parti ne peut pas servir aussi de matricule.",
    },
    "no_identifier": {
        "en": "Its values cannot be references: they need to be short texts, of at most 64"
        " characters.",
        "fr": "Ses valeurs ne peuvent pas servir de matricule : il faut des textes courts, de 64"
        " caractères au plus.",
    },
    "nothing_to_ask": {
        "en": "Nothing can be learned from this column. {reason}",
        "fr": "Rien ne peut être appris de cette colonne. {reason}",
    },
    "not_this_kind": {
        "en": "Its values cannot be read as a {kind}.",
        "fr": "Ses valeurs ne peuvent pas être lues comme {kind}.",
    },
    "why_protected": {
        "en": "The law protects what this column tells. Say why the model needs it.",
        "fr": "Cette colonne porte sur une caractéristique protégée par la loi. Dites pourquoi le"
        " modèle en a besoin.",
    },
}

KIND_WORDS: Mapping[str, Words] = {
    "number": {"en": "number", "fr": "un nombre"},
    "scale": {"en": "scale", "fr": "une échelle"},
    "choice": {"en": "choice", "fr": "un choix"},
}
