"""Why a file is refused as a whole: sentences that say what to do, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from mlcore.engine.words import Words, number_text


class TableError(ValueError):
    """A file that cannot be read as a table; the text says why and what to do.

    `words` holds the sentence in every language, `str()` gives the English one.
    """

    def __init__(self, code: str, **params: object) -> None:
        self.code = code
        self.words: Words = {
            language: text.format_map(
                {name: _in_language(value, language) for name, value in params.items()}
            )
            for language, text in SENTENCES[code].items()
        }
        super().__init__(self.words["en"])


def _in_language(value: object, language: str) -> str:
    return number_text(value, language) if isinstance(value, (int, float)) else str(value)


SENTENCES: Mapping[str, Words] = {
    "empty": {"en": "The file is empty.", "fr": "Le fichier est vide."},
    "too_many_bytes": {
        "en": "The file is larger than {most} MB. Leave out columns or rows that are not needed.",
        "fr": "Le fichier dépasse {most} Mo. Retirez les colonnes ou les lignes inutiles.",
    },
    "too_many_workbooks": {
        "en": "Other workbooks are being read just now. Bring the file again in a minute, or save"
        " it as CSV, which is read at once.",
        "fr": "D’autres classeurs sont en cours de lecture. Importez le fichier à nouveau dans une"
        " minute, ou enregistrez-le en CSV, qui se lit immédiatement.",
    },
    "too_many_rows": {
        "en": "The file has more than {most} rows. Bring a part of them: the latest years, or one"
        " row per employee.",
        "fr": "Le fichier compte plus de {most} lignes. N’en apportez qu’une partie : les dernières"
        " années, ou une ligne par collaborateur.",
    },
    "too_many_columns": {
        "en": "The file has {columns} columns; at most {most} can be read. Leave out those that are"
        " not needed.",
        "fr": "Le fichier compte {columns} colonnes ; {most} au plus peuvent être lues. Retirez"
        " celles qui sont inutiles.",
    },
    "one_column": {
        "en": "The file has one column only. Separate the columns with commas, semicolons or tabs,"
        " one of them saying who left.",
        "fr": "Le fichier n’a qu’une colonne. Séparez les colonnes par des virgules, des"
        " points-virgules ou des tabulations ; l’une d’elles doit dire qui est parti.",
    },
    "one_column_only": {
        "en": "The file has one column only. Separate the columns with commas, semicolons or tabs,"
        " and save it again.",
        "fr": "Le fichier n’a qu’une colonne. Séparez les colonnes par des virgules, des"
        " points-virgules ou des tabulations, puis enregistrez-le à nouveau.",
    },
    "no_employees": {
        "en": "The file has a header and no employees below it. Add one row per employee.",
        "fr": "Le fichier contient une ligne d’en-tête, mais aucun collaborateur en dessous."
        " Ajoutez une ligne par collaborateur.",
    },
    "long_line": {
        "en": "The file has a line that does not end within a million characters. Export it again"
        " as CSV, one line per employee.",
        "fr": "Le fichier contient une ligne de plus d’un million de caractères. Exportez-le à"
        " nouveau au format CSV, une ligne par collaborateur.",
    },
    "unfinished_merge": {
        "en": "The file holds two versions, one below the other, with the marks of a merge that"
        " nobody finished. Keep one version and delete the marks.",
        "fr": "Le fichier contient deux versions l’une sous l’autre, avec les marques d’une fusion"
        " restée inachevée. Gardez une seule version et supprimez les marques.",
    },
    "formulas": {
        "en": "The file holds formulas instead of their results. Open it in Excel, let it"
        " calculate, and save it again.",
        "fr": "Le fichier contient des formules au lieu de leurs résultats. Ouvrez-le dans Excel,"
        " laissez-le calculer, puis enregistrez-le à nouveau.",
    },
    "nuls": {
        "en": "The file is damaged: from line {line} on it holds characters that no text holds."
        " Export it again.",
        "fr": "Le fichier est abîmé : à partir de la ligne {line}, il contient des caractères"
        " qu’aucun texte ne contient. Exportez-le à nouveau.",
    },
    "no_rows": {
        "en": "The file has a header and no employees below it.",
        "fr": "Le fichier contient une ligne d’en-tête, mais aucun collaborateur en dessous.",
    },
    "no_header": {
        "en": "The first row holds values where the names of the columns should be. Add a row of"
        " names on top.",
        "fr": "La première ligne contient des valeurs à la place des noms de colonnes. Ajoutez une"
        " ligne de noms en haut du fichier.",
    },
    "ragged": {
        "en": "Row {row} has {cells} cells, but the header has {width}.",
        "fr": "La ligne {row} compte {cells} cellules, mais l’en-tête en compte {width}.",
    },
    "nameless": {
        "en": "Column {column} has values but no name in the first row.",
        "fr": "La colonne {column} contient des valeurs mais n’a pas de nom en première ligne.",
    },
    "long_name": {
        "en": "The name of column {column} is longer than {most} characters. Shorten it.",
        "fr": "Le nom de la colonne {column} dépasse {most} caractères. Raccourcissez-le.",
    },
    "same_name": {
        "en": "The file has columns of the same name: {names}.",
        "fr": "Plusieurs colonnes du fichier portent le même nom : {names}.",
    },
    "neither": {
        "en": "This is neither a CSV nor an XLSX file. Export the employees from the HR system, or"
        " save them in Excel, as one of these.",
        "fr": "Ce n’est ni un fichier CSV ni un fichier XLSX. Exportez les collaborateurs du"
        " logiciel RH, ou enregistrez-les dans Excel, dans l’un de ces formats.",
    },
    "markup": {
        "en": "This is neither a CSV nor an XLSX file but a web page or XML, whatever its name"
        " says. Open it in Excel and save it as XLSX.",
        "fr": "Ce n’est ni un fichier CSV ni un fichier XLSX, mais une page web ou du XML, quel que"
        " soit son nom. Ouvrez-le dans Excel et enregistrez-le au format XLSX.",
    },
    "old_excel": {
        "en": "This is an old Excel file (XLS), or one with a password. Save it as XLSX, without a"
        " password.",
        "fr": "C’est un ancien fichier Excel (XLS), ou un fichier protégé par un mot de passe."
        " Enregistrez-le au format XLSX, sans mot de passe.",
    },
    "unreadable_csv": {
        "en": "The file is not a readable CSV: {error}. Look at line {line}: quotation marks stand"
        " in pairs around a cell, and are doubled within it.",
        "fr": "Le fichier CSV ne peut pas être lu : voyez la ligne {line}. Les guillemets vont"
        " par deux autour d’une cellule et sont doublés à l’intérieur ({error}).",
    },
    "undecodable": {
        "en": "The file’s text cannot be decoded. Save it again as CSV UTF-8.",
        "fr": "Le texte du fichier ne peut pas être décodé. Enregistrez-le à nouveau au format CSV"
        " UTF-8.",
    },
    "not_utf8": {
        "en": "The file says that it is written in UTF-8, but line {line} holds a character that is"
        " not. Save the file again as CSV UTF-8.",
        "fr": "Le fichier s’annonce en UTF-8, mais la ligne {line} contient un caractère qui ne"
        " l’est pas. Enregistrez-le à nouveau au format CSV UTF-8.",
    },
    "workbook_too_large": {
        "en": "The workbook cannot be read: it is too large. Save its first sheet as CSV.",
        "fr": "Le classeur ne peut pas être lu : il est trop volumineux. Enregistrez sa première"
        " feuille au format CSV.",
    },
    "workbook_unreadable": {
        "en": "The workbook cannot be read: it is damaged, or no workbook. Open it in Excel and"
        " save it again as XLSX.",
        "fr": "Le classeur ne peut pas être lu : il est abîmé, ou n’en est pas un. Ouvrez-le dans"
        " Excel et enregistrez-le à nouveau au format XLSX.",
    },
}
