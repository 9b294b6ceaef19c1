"""Simulated histories with columns of their own, as a French HR system would export them."""

from __future__ import annotations

import csv
import io
import math
import random

HEADERS = ["Matricule", "Equipe", "Trajet km", "Salaire", "Satisfaction", "Sexe", "Parti"]


def history(people=300, *, seed=0):
    """Rows in the order of `HEADERS`: about one person in three left."""
    chance = random.Random(seed)
    rows = []
    for number in range(people):
        shift = chance.choice(["Jour", "Nuit", "Soir"])
        distance = round(chance.expovariate(1 / 15), 1)
        pay = round(chance.gauss(2600, 500))
        satisfaction = chance.randint(1, 5)
        log_odds = -2.2 + 1.4 * (shift == "Nuit") + 0.05 * distance
        log_odds += 0.002 * (2600 - pay) - 0.35 * (satisfaction - 3)
        left = chance.random() < 1 / (1 + math.exp(-log_odds))
        sex = chance.choice("FM")
        rows.append(
            [f"M{1000 + number}", shift, distance, pay, satisfaction, sex, "oui" if left else "non"]
        )
    return rows


def as_csv(rows, headers=HEADERS):
    """A file as a French spreadsheet writes it."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(headers)
    writer.writerows([str(cell).replace(".", ",") for cell in row] for row in rows)
    return text.getvalue().encode("cp1252")
