"""What the tests of the pages share: a file brought through its page, a page as text."""

from __future__ import annotations

import re

from django.urls import reverse

from mlcore import registry
from predictions.models import Batch
from tests.batches.exports_of_hr import export, upload

LIST = "/batches/"
NEW = "/batches/new/"


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def bring(client, content=None, name="export.csv", query=""):
    content = export() if content is None else content
    answer = client.post(NEW + query, {"file": upload(content, name)})
    assert answer.status_code == 302, answer.context["form"].errors
    return Batch.objects.latest("pk")


def columns_of(batch):
    return reverse("batches:columns", args=[batch.pk])


def chosen(page, **changed):
    """What a browser sends of a columns page; `changed` gives columns other uses, by header."""
    form = page.context["form"]
    sent = {field.html_name: field.value() or "" for field in form}
    places = {column.header: column.place for column in form.proposal.columns}
    for header, use in changed.items():
        sent[f"column-{places[header]}"] = use
    return sent | {"_model": registry.active().artifact.sha256}


def send(client, batch, action, **changed):
    page = client.get(columns_of(batch))
    return client.post(columns_of(batch), chosen(page, **changed) | {"action": action})
