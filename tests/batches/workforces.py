"""Files of any size, made of the public file's employees."""

from __future__ import annotations

import random


def workforce(ibm_file, count, *, seed=0, wrong=()):
    """A file of `count` employees with references and incomes of their own.

    `wrong` are the places, 0 being the first, of employees whose income is a word.
    """
    head, *lines = ibm_file.decode("utf-8-sig").splitlines()
    headers = head.split(",")
    reference, income = headers.index("EmployeeNumber"), headers.index("MonthlyIncome")
    rows = [line.split(",") for line in lines]
    some, wrong = random.Random(seed), frozenset(wrong)
    made = [head]
    for place in range(count):
        row = rows[place % len(rows)].copy()
        row[reference] = f"E{place:07d}"
        row[income] = "much" if place in wrong else str(some.randint(1009, 19999))
        made.append(",".join(row))
    return ("\ufeff" + "\n".join(made) + "\n").encode()
