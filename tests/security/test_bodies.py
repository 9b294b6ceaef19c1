"""What is too large, too deep or too much is refused before anything of it is read."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse

from attrition_site.requests.charsets import TextRequest
from predictions.models import Batch, Prediction
from tests.people import bearer

ONE = "/api/v1/predict/attrition"
FORM = "multipart/form-data; boundary=x"


class Untouched(io.RawIOBase):
    """A body that must not be parsed: it hands out zeroes, and counts how many."""

    def __init__(self, length):
        self.left = length
        self.taken = 0

    def readable(self):
        return True

    def read(self, size=-1):
        assert size > 0, "a whole body was asked for at once"
        given = min(size, self.left)
        self.left -= given
        self.taken += given
        return bytes(given)


def send(client, address, length, *, content_type=FORM, **extra):
    """A request that says it has `length` bytes; and what was taken of them."""
    body = Untouched(length)
    answer = client.generic(
        "POST",
        address,
        content_type=content_type,
        **{"CONTENT_LENGTH": str(length), "wsgi.input": body} | extra,
    )
    return answer, body


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/login/",
        "/accounts/logout/",
        "/i18n/setlang/",
        "/admin/login/",
        "/predictions/new/",
        "/predictions/",
        "/",
    ],
)
def test_a_stranger_s_form_with_a_file_of_a_gigabyte_is_refused_unread(client, db, address):
    answer, body = send(client, address, 10**9)
    assert answer.status_code == 413
    assert "too large to be read here" in answer.content.decode()
    assert "at most" in answer.content.decode()
    assert body.taken == 0


@pytest.mark.parametrize("address", ["/accounts/login/", "/api/v1/auth/token"])
def test_where_people_sign_in_little_is_read(client, db, address):
    answer, _body = send(client, address, 17 * 1024, content_type="application/json")
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "address",
    [
        ONE,
        "/api/v1/predict/attrition/batch",
        "/api/v1/auth/token",
        "/api/v1/auth/refresh",
        "/predict/attrition",
        "/api/v1/health",
        "/api/v1/predict/history",
        "/health",
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", FORM, "text/plain"])
def test_a_program_s_body_of_a_gigabyte_is_refused_with_a_problem(
    client, dave, active_model, address, content_type
):
    answer, body = send(client, address, 10**9, content_type=content_type, headers=bearer(dave))
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"
    assert "at most" in answer.json()["detail"]
    assert body.taken == 0
    assert not Prediction.objects.exists()


def test_a_person_s_form_is_refused_unread_too(client, carol, active_model):
    client.force_login(carol)
    for address in ("/predictions/new/", "/admin/predictions/prediction/", "/models/roll-back/"):
        answer, body = send(client, address, 10**9)
        assert answer.status_code == 413, address
        assert body.taken == 0


@pytest.mark.parametrize("address", ["/batches/new/", "/models/training/new/", "/models/import/"])
def test_a_file_is_weighed_before_it_is_read(client, carol, active_model, settings, address):
    settings.BATCH_MAX_BODY = settings.TRAINING_MAX_BODY = 1024 * 1024
    client.force_login(carol)
    answer, body = send(client, address, 10**8)
    assert (answer.status_code, body.taken) == (413, 0)
    assert "too large" in answer.content.decode()
    assert not Batch.objects.exists()


@pytest.mark.parametrize("address", ["/batches/new/", "/models/training/new/", "/models/import/"])
def test_a_stranger_s_file_is_not_read_at_all(client, db, address):
    answer, body = send(client, address, 10**9)
    assert answer.status_code == 302
    assert body.taken == 0


@pytest.mark.parametrize("address", [ONE, "/accounts/login/", "/batches/new/"])
def test_a_body_that_does_not_tell_its_length_is_refused(client, alice, address):
    client.force_login(alice)
    answer, body = send(client, address, 10**9, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert answer.status_code == 411
    assert "Content-Length" in answer.content.decode()
    assert body.taken == 0


@pytest.mark.parametrize("length", ["", "abc", "-1", "1e9", "٣"])
@pytest.mark.parametrize("address", ["/predictions/new/", "/batches/new/", "/models/import/", ONE])
def test_a_length_that_is_none_reads_nothing(client, carol, dave, active_model, address, length):
    headers = bearer(dave) if address == ONE else {}
    content_type = "application/json" if address == ONE else FORM
    client.force_login(carol)
    extra = {"CONTENT_LENGTH": length, "headers": headers, "content_type": content_type}
    answer, body = send(client, address, 10**9, **extra)
    assert answer.status_code < 500
    assert body.taken == 0
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("nested", ['{"a":', "["])
def test_json_that_is_nested_without_end_is_refused_in_words(dave, active_model, nested):
    answer = Client(headers=bearer(dave)).post(
        ONE, nested * 300_000, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_json_nested_as_far_as_readers_go_ends_nothing(dave, active_model):
    for depth in (900, 1_000, 1_023, 1_024, 1_025, 5_000):
        body = '{"over_time":' + "[" * depth + "]" * depth + "}"
        answer = Client(headers=bearer(dave)).post(ONE, body, content_type="application/json")
        assert answer.status_code in (400, 422), depth


def test_a_number_of_a_million_digits_is_refused(dave, active_model):
    body = '{"monthly_income": ' + "9" * 1_000_000 + "}"
    answer = Client(headers=bearer(dave)).post(ONE, body, content_type="application/json")
    assert answer.status_code in (400, 422)


def test_too_many_fields_are_refused(client, alice, active_model):
    client.force_login(alice)
    answer = client.post(
        "/predictions/new/",
        "&".join(f"f{number}=1" for number in range(1501)),
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 400
    assert "could not be understood" in answer.content.decode()


def test_too_many_files_are_refused(client, alice, active_model):
    client.force_login(alice)
    files = {f"file{number}": SimpleUploadedFile(f"{number}.csv", b"a,b\n") for number in range(3)}
    answer = client.post("/batches/new/", files)
    assert answer.status_code == 400
    assert not Batch.objects.exists()


def test_the_model_archive_is_read_as_names_of_a_known_few(client, carol, active_model):
    """Nothing of an archive is written anywhere: a name that climbs is only a name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../../../tmp/climbed", "x")
        archive.writestr("/etc/climbed", "x")
    client.force_login(carol)
    answer = client.post(
        reverse("models:import"), {"file": SimpleUploadedFile("m.zip", packed.getvalue())}
    )
    assert answer.status_code == 200
    assert "climbed" not in json.dumps(answer.context["form"].errors)


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize(
    "charset", ["rot13", "idna", "hex", "punycode", "utf-16", "none-such", "\0", "UTF-8"]
)
def test_what_reads_no_text_is_no_charset(charset, kind):
    sent = RequestFactory().generic("POST", "/?name=%C3%A9", b"", "text/plain").environ
    request = TextRequest({**sent, "CONTENT_TYPE": f"{kind}; boundary=x; charset={charset}"})
    assert request.GET["name"] == "é"
    assert request.content_type == kind


def test_a_browsers_charset_is_read():
    sent = RequestFactory().get("/").environ
    kind = "text/plain; charset=windows-1252"
    request = TextRequest({**sent, "CONTENT_TYPE": kind, "QUERY_STRING": "name=%E9"})
    assert request.GET["name"] == "é"
