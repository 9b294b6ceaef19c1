"""What a column's header says about it: a dictionary of the words of HR files, English and French.

A guess, and never more: what is guessed here is shown to a person, who corrects it.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

from mlcore.engine.drafting.common_headers import TERMS
from mlcore.engine.features import Section
from mlcore.engine.values import fold
from mlcore.engine.words import Words

LONGEST_NAME = 60  # characters
LONGEST_LABEL = 80  # characters

# Names that mean something else to the form or to the API.
_RESERVED = frozenset({"employee_id", "csrfmiddlewaretoken", "format"})

_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])")


def _plain(text: str) -> str:
    """Without accents, in ASCII where it can be."""
    for ligature, letters in (("œ", "oe"), ("Œ", "OE"), ("æ", "ae"), ("Æ", "AE"), ("ß", "ss")):
        text = text.replace(ligature, letters)
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@lru_cache(maxsize=4096)
def phrase(header: str) -> str:
    """The words of a header, lower-case ASCII, a space around each: `" monthly income "`."""
    apart = _BOUNDARY.sub(" ", _plain(header)[:300])
    return f" {' '.join(re.findall(r'[a-z0-9]+|%', apart.lower()))} "


def feature_name(header: str, taken: Collection[str]) -> str:
    """A snake_case name for a column that no name in `taken` equals: `"Salaire (€)"` → `"salaire"`.

    At most `LONGEST_NAME` ASCII characters, an identifier, and never a reserved word.
    """
    stem = "_".join(word for word in phrase(header).split() if word != "%")[:LONGEST_NAME]
    stem = stem.strip("_")
    if not stem or stem[0].isdigit() or stem in _RESERVED or keyword.iskeyword(stem):
        stem = f"column_{stem}".rstrip("_")
    name, number = stem[:LONGEST_NAME], 1
    while name in taken:
        number += 1
        name = f"{stem[: LONGEST_NAME - len(str(number)) - 1]}_{number}"
    return name


def readable(header: str) -> str:
    """A header as a person would write it: `"MonthlyIncome"` → `"Monthly income"`."""
    text = "".join(c if c.isprintable() else " " for c in header)
    text = " ".join(re.sub(r"\s*\(\s*%\s*\)", "", text).split())
    if " " not in text:
        words = _BOUNDARY.sub(" ", text).replace("_", " ").replace("-", " ").split()
        shouted = text.upper() == text and (len(words) > 1 or len(text) > 5)
        words = [w.lower() if shouted or not w.isupper() or len(w) == 1 else w for w in words]
        text = " ".join(words)
    text = text[:1].upper() + text[1:]
    return text[: LONGEST_LABEL - 1] + "…" if len(text) > LONGEST_LABEL else text


def label(header: str) -> Words:
    """A label in both languages: translated where the header is a common one, else the same."""
    bare = re.sub(r"\((?:[^\w]|eur|euros?|usd|brut|gross)*\)", "", header, flags=re.IGNORECASE)
    if term := TERMS.get(fold(bare)):
        return dict(term)
    text = readable(header)
    return {"en": text or "Column", "fr": text or "Colonne"}


def section(header: str) -> str:
    """The section of the form that the header speaks of, `""` if it is not clear."""
    words = phrase(header)
    return next((name for name, pattern in _SECTIONS.items() if pattern.search(words)), "")


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf" (?:{words}) ")


# ---------------------------------------------------------------- what a column may be

PROTECTED = _any(
    "sex|sexe|gender|genre(?! de)|age|birth|birthdate|birthday|birthplace|dob|naissance|naiss"
    "|marital|matrimoniale?|married|marie|mariee|pacs|situation (?:de )?famil\\w*|familystatus"
    "|family (?:status|situation)|civilite|nationality|nationalite|citizen\\w*|hispanic\\w*"
    "|latino|ethnicity|ethnie"
    "|ethnic\\w*|race|racial|origin|origine|religion|religious|religieu\\w*|disability"
    "|disabled|handicap\\w*|rqth|boeth|union|unionized|syndicat|syndique|syndicale?|health"
    "|sante|medical|sick|sickness|maladie|illness|maternity|maternite|paternity|paternite|pregnant"
    "|pregnancy|enceinte|grossesse|children|kids|enfants?|dependents|dependants"
    "|orientation sexuelle|sexual orientation|politi\\w*|veteran|caste|genetic\\w*"
    "|generation|(?<=^ )seniors?(?= $)|civ|h f|f h|m f|f m|m mme|mme m"
    "|conges? (?:de )?(?:parental|parentaux|maternite|paternite|mat)|parental|single parent"
    "|parent isole|mat leave|titre (?:de )?sejour|permis de (?:travail|sejour)|work permit"
    "|residence permit|visa|invalidite|invalides?|(?<=^ )mandats?(?= $)|mandats? (?:cse|elu"
    "|electif|syndical|du personnel)|cse|(?<=^ )delegues?(?= $)|delegues? (?:du personnel"
    "|syndica\\w*)|representants? (?:du personnel|syndica\\w*)|sit fam|sitfam|situation fam"
    "|conjointe?s?|spouse|husband|wife|mother tongue|native language|langue maternelle|nb enf|enf"
    "|jours at|at mp|arrets? de travail|nb arrets?|jours? d arret|aah|(?<=^ )th(?= $)|ddn"
    "|(?:dt|date|annee) nais|nais|ne e|nee? le|born|pronouns?|nom de jeune fille"
    "|mutuelle famille|skin colou?r|lgbt\\w*"
)
"""What the law protects, or stands for it; kept for audits and never an input by itself."""
NOT_PROTECTED = _any(
    "health (?:insurance|plan)|country of origin of.*|race (?:to|conditions?)|[a-z]+ field"
    "|domaine (?:de |du |d )?[a-z]+|origine d[eu] (?:recrutement|candidature)|european union"
    "|union europeenne|age (?:of (?:the )?|du |de la |de l |des |d )(?:account|contract|post"
    "|vehicle|car|equipment|laptop|machine|vehicule|voiture|contrat|compte|materiel|equipement"
    "|ordinateur|logiciel)|(?:vehicle|car|equipment|account|contract|laptop) age"
    "|(?:site|service|poste|equipe|entreprise|societe|direction|agence|etablissement|filiale"
    "|magasin|metier|unite|entite) d origine|(?:health|sante) (?:and |et )?(?:safety|securite)"
    "|(?:gender )?pay gap|gender equality"
    "|politiques? (?:de|du|des|d|rh|sociale|salariale|interne|teletravail|voyages?)"
)
"""What sounds like it and is not."""
AGE_BANDS = re.compile(r" (?:tranches?|bands?|brackets?|classes?)(?: (?:ans|annees|years))? ")
"""Under such a header, and no more, bounds that a working age may have are ages."""

IDENTIFIER = _any(
    "matricule|mat|employee (?:number|no|nr|num|nbr|id|code|ref)|employeeid|employeenumber"
    "|emp (?:id|no|num|number|code)|empid|empno|staff (?:id|no|number|code)|personnel (?:id|no|"
    "number)|worker id|person id|payroll (?:id|no|number)|id (?:employe\\w*|salarie\\w*|"
    "collaborateur|agent|personne)|(?:numero|no|num|n|code) (?:de |d )?(?:matricule|salarie\\w*|"
    "employe\\w*|agent|collaborateur)|identifiant\\w*|employee identifier|uid|uuid|guid|id"
)
CODE = _any("id|code|postal|zip|cp|zipcode|postcode|siret|siren|insee|iban|reference|ref")
"""A number under such a header names something; it measures nothing."""
_SOMEBODY = (
    "manager|responsable|superieure?(?: hierarchique)?|supervisor|superviseur|chef|boss|n 1"
    "|line manager"
)
REFERENCE = _any(
    "(?:n|no|num|numero|code|id|identifiant|matricule|mat|ref) (?:du |de |d |de la )?"
    f"(?:{_SOMEBODY})"
    f"|(?:{_SOMEBODY}) (?:employee )?(?:id|no|nr|num|number|code|matricule|ref)"
    f"|(?<=^ )(?:{_SOMEBODY})(?= $)|cost cent(?:er|re)s?(?: code)?|centres? de couts?"
    "|(?:code )?postal|zip|zipcode|postcode|siret|siren|insee"
)
"""The same: a number that stands for another person, for an account, or for a place."""
OTHER_THINGS = _any(
    f"{_SOMEBODY}|department|departement|dept|service|site|team|equipe|position|poste|job|project"
    "|projet|company|entity|entite|location|contract|contrat|office|store|magasin|region|country"
    "|grade|cost|centre"
)
"""Beside a word for a reference, these say that it is not the employee's own."""
OWN_REFERENCE = _any(
    "matricule|employee ?(?:number|no|nr|num|nbr|id|code|ref|identifier)|emp ?(?:id|no|num|number"
    "|code)|staff (?:id|no|number|code)|personnel (?:id|no|number)|worker id|person id|payroll"
    " (?:id|no|number)|id (?:employe\\w*|salarie\\w*|collaborateur|agent|personne)|(?:numero|no|num"
    "|n|code) (?:de |d )?(?:matricule|salarie\\w*|employe\\w*|agent|collaborateur)"
    "|(?<=^ )(?:id|uid|mat|identifiant)(?= $)"
)
"""Headers of the employee's own reference, though it stands in several rows."""
PERSONAL = _any(
    "name|names|surname|firstname|lastname|fullname|nom|noms|prenom|prenoms|email|e mail|mail"
    "|courriel|phone|telephone|tel|mobile|portable|address|adresse|ssn|nir|securite sociale"
    "|social security|iban|login|username"
)
"""What names or reaches a person."""

PERSONAL_ALWAYS = _any(
    "surname|first ?name|last ?name|full ?name|prenoms?|nom de famille|nom prenom|prenom nom|email"
    "|e mail|courriel|phone|telephone|ssn|nir|social security|securite sociale|iban"
)
"""The same, even where several people share a value."""

DURATION_OR_COUNT = _any(
    "years?|yrs|months?|days?|hours?|weeks?|minutes|annees?|ans|mois|jours?|heures?|anciennete|"
    "tenure|seniority|number|num|nb|nbr|nombre|count|times|distance|age|salary|salaire|income|pay|"
    "absences?|projects?|projets?|companies|trainings?|formations?|promotions?|children|enfants"
)
CALENDAR = _any("year|yr|annee|an|millesime|vintage|hired|embauche|promotion|entree")
"""Under such a header, numbers from 1900 to 2100 are years of the calendar,"""
NOT_CALENDAR = _any(
    "hours?|heures?|salary|salaire|pay|income|remuneration|wage|prime|bonus|days?|jours?|cost|cout"
    "|amount|montant|sales|ventes|rate|taux|price|prix|points?|score|annual|annuel\\w*"
)
"""and under such a one they are not."""
SCALE = _any(
    "satisfaction|level|niveau|rating|score|note|echelle|scale|involvement|implication|engagement"
    "|balance|equilibre|education|evaluation|grade|echelon|rank|rang|importance|motivation"
    "|appreciation|performance|climate|ambiance|feedback|stress|wellbeing|morale|likert"
)
CATEGORY = _any(
    "department|departement|service|site|team|equipe|division|unit|unite|type|category|categorie"
    "|class|classe|group|groupe|job|role|poste|metier|fonction|contract|contrat|region|office"
    "|location|country|pays|manager|csp|status|statut|cost center|centre de cout"
)
# How an organisation is divided, by which people are compared before anything else.
DEPARTMENT = _any("departments?|dept|departements?|(?<!of )services?")
UNIT = _any(
    "directions?|divisions?|business units?|bu|units?|unites?|teams?|equipes?|poles?|entity"
    "|entities|entites?|subsidiary|subsidiaries|filiales?|branche?s?"
    "|cost cent(?:er|re)s?|centre de couts?"
)
PLACE = _any(
    "sites?|locations?|work ?places?|offices?|plants?|stores?|agencies|agency|etablissements?"
    "|agences?|usines?|magasins?|lieu de travail|lieux de travail"
)
PERCENT = _any("percent|percentage|pct|pourcentage|pourcent|%")
DATE = _any("date|dates|day of|datetime|timestamp")

_SURELY = (
    "attrition|churn|churned|leaver|leavers|has left|left (?:the )?(?:company|organi[sz]ation|firm)"
    "|a quitte|quitte|resigned|exited|turnover|turn over|attrited|sorti|sortie|sorties|parti|partie"
    "|demission\\w*|terminated|termd|ex employe\\w*"
)
SURE_TARGET = _any(_SURELY)
"""These speak of nothing else."""
TARGET = _any(
    f"{_SURELY}|left|quit|quits|depart|departs|departed|departure|gone|leave|leaving|target|label"
)
STATUS = _any("status|statut|situation|etat|state|presence|position administrative")
STAYER = _any(
    "active|actif|active employee|employed|still|present|retained|retention|stayed|stay|en poste"
    "|still employed|is active|encore"
)
"""Headers under which yes means staying."""
ABOUT_LEAVING = _any(
    "date|reason|reasons|motif|motifs|cause|causes|raison|type|day|time|notice|interview|risk"
    "|risque"
    "|days|months|years|count|number|nb|nombre|policy|balance|taken|hours|used|conge\\w*|rate|taux"
    "|intentions?|intent|intends?|intends? to|souhait\\w*|wish\\w*|wants?|veut|envisage\\w*"
    "|volontaires? (?:au|a|pour)|volunteer\\w*|met|on leave|handed|formations?|training"
    "|garden|annual|unpaid|sick|parental|study|sabbatical|programmes?|program|label rse|rse|csr"
    "|bonus|prime|probation|directory|account|smoking|parents?|conjointe?|annuelle|bank|planned"
    f"|{_SOMEBODY}"
    "|prevue?|likelihood|probabilite|propensi\\w*|syndicale?"
)
"""Beside a word for leaving, these speak of how and when, or of leave from work."""
_LEAVING = "(?:exit|leaving|termination|separation|resignation|departure|sortie|depart|demission)"
AFTERWARDS = _any(
    "(?:exit|leaving|termination|terminated|separation|resignation|departure|sortie|depart"
    "|demission|offboarding|last working|last worked) (?:de |du |d )?(?:date|day|reason|motif"
    "|type|cause|interview|code|time)"
    "|(?:date|day|reason|reasons|motif|motifs|cause|causes|type|raison|entretien|mois|annee)"
    " (?:for |of |de |du |d |de la |de l )?(?:exit|leaving|termination|separation|resignation"
    "|departure|sortie|depart|demission|rupture|fin de contrat|left|quit|radiation)"
    "|code (?:de |du |d )?(?:exit|termination|sortie|demission)"
    f"|(?:anciennete|tenure|seniority|length of service|age|salary|salaire|poste|position|grade)"
    f" (?:at|on|upon|a|au|a la|lors du|lors de la) (?:the |time of |date de |date of )*{_LEAVING}"
    "|leave date|leave reason|last working day|last day worked|exit|dateoftermination|termdate"
    "|term date|termination|termreason|term reason|separation|severance"
    "|solde de tout compte|(?:solde )?stc|fin de contrat|end date|date fin|date de fin|rupture"
    "|offboarding|rehire|rehired|rehire eligibility|rehire eligible|dernier jour\\w*"
    "|indemnites? de (?:depart|licenciement)|licenciement|resignation|radiation|resiliation"
    "|(?:badge|compte|acces) (?:desactives?|supprimes?|rendu|coupes?)"
    "|(?:badge|account|access) (?:disabled|deactivated|revoked|returned|closed)"
    "|(?:pc|materiel|vehicule|ordinateur) (?:rendu|restitue)|(?:laptop|equipment) returned"
    "|final (?:pay|paycheck|payment|salary)|last paycheck|remplacee? par|replaced by"
    "|replacement hired|attestation (?:pole emploi|france travail|assedic)"
    "|portabilite (?:mutuelle|prevoyance)|counter ?offer|contre offre"
)
"""What is only known once somebody has left, or is leaving."""
NOT_AFTERWARDS = _any(
    "ecole|school|etudes|vacances|conges?|holidays?|row|seat|board|clauses?|essai|probation"
    f"|{_SOMEBODY}|famille|family|jeune|formation|training|collegue|colleague"
)
"""Beside those, these make them speak of something else."""
NOTICE = _any("notice(?! board)|notice period|preavis")
"""Of everyone, the notice in their contract; of some, the one that they gave."""

ACTIONABLE = _any(
    "over time|overtime|heures sup\\w*|salary|salaire|income|pay|wage|remuneration|compensation"
    "|bonus|prime|primes|raise|hike|augmentation|stock|option|training|trainings|formation"
    "|formations|travel|deplacements?|remote|telework|telet?ravail|teletravail|hours|horaires?"
    "|schedule|workload|charge|satisfaction|life balance|equilibre|promotion|promotions"
    "|environment|shift|distance|commute|trajet|benefits|avantages|projects?|projets?"
    "|job level|mutuelle|part time|temps partiel|flexib\\w*"
)
NOT_ACTIONABLE = _any("total working|anciennete|tenure|number of companies|num companies")

_SECTIONS: dict[str, re.Pattern[str]] = {
    "voice": _any(
        "satisfaction|involvement|implication|engagement|life balance|equilibre|motivation"
        "|feedback"
        "|climate|climat|ambiance|morale|stress|wellbeing|survey|enquete"
    ),
    "pay": _any(
        "salary|salaire|income|pay|wage|remuneration|compensation|bonus|prime|primes|hike"
        "|augmentation|stock|rate|rating|performance|training|trainings|formations|formation"
        "|evaluation|promotion rate|benefits|avantages"
    ),
    "path": _any(
        "years|annees|anciennete|tenure|seniority|promotions?|companies|experience|career"
        "|carriere|since|depuis|months|hire|embauche"
    ),
    "background": _any("education|diplome|degree|field|etudes|school|qualification"),
    "work": _any(
        "over time|overtime|heures|hours|travel|deplacements?|department|departement|service|job"
        "|role|poste|metier|fonction|site|team|equipe|distance|commute|trajet|contract|contrat"
        "|level|niveau|manager|remote|telework|teletravail|shift|location|region|projects?|projets?"
    ),
}
SECTIONS = (
    Section(
        name="work",
        label={"en": "Job and working conditions", "fr": "Poste et conditions de travail"},
    ),
    Section(
        name="pay", label={"en": "Pay and recognition", "fr": "Rémunération et reconnaissance"}
    ),
    Section(name="path", label={"en": "Career", "fr": "Parcours"}),
    Section(
        name="voice", label={"en": "What the employee says", "fr": "Ressenti du collaborateur"}
    ),
    Section(name="background", label={"en": "Background", "fr": "Formation initiale"}),
)
