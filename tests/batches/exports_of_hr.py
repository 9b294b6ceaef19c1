"""Small files as an HR system writes them."""

from __future__ import annotations

import csv
import io

from django.core.files.uploadedfile import SimpleUploadedFile

ROW = {
    "EmployeeNumber": "E-{n}",
    "Nom": "Durand {n}",
    "OverTime": "Yes",
    "MonthlyIncome": "{income}",
    "JobRole": "Sales Executive",
    "Age": "41",
    "Department": ["Sales", "Finance"],
}
"""One employee by header: a reference, a name that nobody asks for, four answers, a group."""


def export(rows=12, *, without=(), separator=",", **changed):
    """A CSV of so many employees; `changed` gives a column other cells, one per row in turn."""
    columns = {
        header: cells if isinstance(cells, list) else [cells]
        for header, cells in ROW.items()
        if header not in without
    }
    columns |= {header.replace("_", " "): cells for header, cells in changed.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator)
    writer.writerow(columns)
    for n in range(1, rows + 1):
        cells = [column[(n - 1) % len(column)] for column in columns.values()]
        writer.writerow(cell.format(n=n, income=2000 + 100 * n) for cell in cells)
    return text.getvalue().encode()


def upload(content, name="export.csv"):
    return SimpleUploadedFile(name, content, content_type="text/csv")
