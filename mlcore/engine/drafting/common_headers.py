"""Common headers of HR files, and the label of each in both languages."""

from __future__ import annotations

from mlcore.engine.values import fold
from mlcore.engine.words import Words

_COMMON = """
Age|Âge|age
Gender|Genre|gender,genre
Sex|Sexe|sex,sexe
Marital status|Situation familiale|marital status,situation familiale,situation de famille,\
situation matrimoniale
Nationality|Nationalité|nationality,nationalite
Disability|Handicap|disability,handicap,situation de handicap
Number of children|Nombre d’enfants|children,number of children,nombre d enfants,nb enfants,enfants
Department|Service|department,dept,service
Job|Métier|job,job role,job title,metier,intitule du poste
Job level|Niveau hiérarchique|job level,niveau hierarchique,niveau de poste
Grade|Grade|grade
Position|Poste|position,poste
Function|Fonction|function,fonction
Team|Équipe|team,equipe
Site|Site|site,location,work location,lieu de travail
Region|Région|region
Country|Pays|country,pays
Manager|Responsable|manager,responsable,manager name
Contract type|Type de contrat|contract type,contract,type contrat,type de contrat,contrat,\
employment type
Working time|Temps de travail|working time,temps de travail,work time
Part time|Temps partiel|part time,temps partiel
Works overtime|Fait des heures supplémentaires|over time,overtime
Overtime hours|Heures supplémentaires|overtime hours,heures sup,heures supplementaires,\
nb heures sup
Business travel|Déplacements professionnels|business travel,travel,deplacements,\
deplacements professionnels
Remote work|Télétravail|remote,remote work,telework,teletravail
Remote days|Jours de télétravail|remote days,jours de teletravail,\
teletravail jours,jours teletravail
Distance from home to work|Distance domicile-travail|distance from home,distance,\
distance domicile travail,distance domicile,home distance
Commute|Trajet|commute,trajet,commute time,temps de trajet
Monthly income|Rémunération mensuelle|monthly income,remuneration mensuelle
Monthly salary|Salaire mensuel|monthly salary,salaire mensuel
Gross monthly salary|Salaire brut mensuel|gross monthly salary,salaire brut mensuel,\
salaire mensuel brut
Annual salary|Salaire annuel|annual salary,salaire annuel,yearly salary
Gross annual salary|Salaire brut annuel|gross annual salary,salaire brut annuel,salaire annuel brut
Salary|Salaire|salary,salaire,wage
Hourly rate|Taux horaire|hourly rate,taux horaire
Monthly rate|Taux mensuel|monthly rate,taux mensuel
Daily rate|Taux journalier|daily rate,taux journalier
Bonus|Prime|bonus,prime,primes
Last pay rise|Dernière augmentation|percent salary hike,last raise,derniere augmentation
Pay rise|Augmentation|salary hike,augmentation
Stock options|Stock-options|stock option level,stock options
Performance rating|Note de performance|performance rating,performance,note de performance,\
evaluation,last evaluation,derniere evaluation
Training sessions last year|Formations suivies l’an dernier|training times last year,\
trainings last year,formations suivies,nb formations
Years at the company|Ancienneté dans l’entreprise|years at company,tenure,seniority,anciennete,\
time spend company,anciennete annees
Years in the current role|Ancienneté dans le poste|years in current role,anciennete poste,\
anciennete dans le poste
Years since the last promotion|Années depuis la dernière promotion|years since last promotion,\
annees depuis promotion
Years with the current manager|Années avec le responsable actuel|years with curr manager,\
years with current manager
Total years of work|Années d’expérience|total working years,years of experience,experience,\
annees d experience
Employers so far|Nombre d’employeurs précédents|num companies worked,number of companies
Promotion in the last five years|Promotion au cours des cinq dernières années|\
promotion last 5 years
Satisfaction|Satisfaction|satisfaction,satisfaction level
Job satisfaction|Satisfaction au travail|job satisfaction,satisfaction au travail
Satisfaction with the environment|Satisfaction envers l’environnement de travail|\
environment satisfaction
Satisfaction with relationships|Satisfaction envers les relations de travail|\
relationship satisfaction
Work-life balance|Équilibre vie professionnelle-vie privée|work life balance,\
equilibre vie pro vie perso
Involvement|Implication|job involvement,implication,involvement
Engagement|Engagement|engagement,engagement score
Education level|Niveau d’études|education,education level,niveau d etudes,niveau etudes,diplome
Field of study|Domaine d’études|education field,field of study,domaine d etudes
Absenteeism rate|Taux d’absentéisme|taux d absenteisme,absenteeism rate,absenteeism
Working time rate|Taux d’occupation|taux d occupation,fte,etp
Recruitment source|Source de recrutement|recruitment source,source de recrutement
Age group|Tranche d’âge|age group,tranche d age
Business unit|Direction|business unit,direction
Work pattern|Rythme de travail|shift,work pattern,rythme de travail,horaires
Coefficient|Coefficient|coefficient
Absences|Absences|absences,absence,nb absences
Days of absence|Jours d’absence|days absent,absence days,jours d absence,jours absence
Projects|Projets|projects,number project,number of projects,nb projets
Average monthly hours|Heures mensuelles moyennes|average monthly hours,average montly hours
Work accident|Accident du travail|work accident,accident du travail
"""
TERMS: dict[str, Words] = {}
"""By folded header, its label."""
for _line in _COMMON.strip().splitlines():
    _english, _french, _headers = _line.split("|")
    for _header in (_english, _french, *_headers.split(",")):
        TERMS.setdefault(fold(_header), {"en": _english, "fr": _french})
