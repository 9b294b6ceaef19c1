"""Bad inputs by the thousand, over HTTP, to the product as it is put to work: none is a fault.

Schemathesis makes what the API's own document forbids; Hypothesis what no document describes. The
long form makes other inputs each time. One that fails is made as small as it can be, and shown in
the bytes that were sent; `@reproduce_failure`, which is shown as well, makes it again.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import zipfile
from dataclasses import replace
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from tests.reliability import bad_files, bad_requests, described
from tests.reliability.installation import ASSESS, serving
from tests.reliability.trials import Trials
from tests.reliability.wire import Request

# How many of each kind are to be refused: twenty thousand and more in the long form.
SHARES = {
    "described": 3000,
    "programs": 6000,
    "queries": 4000,
    "forms": 2500,
    "doors": 2500,
    "streams": 3000,
    "files": 800,
}
SHORT = 100  # the short form refuses one of so many
SECRET = "s" * 32  # which a form and its cookie share
MORE_MEMORY = 100 * 1024 * 1024
"""Bytes that the server's processes may have taken for one of the kinds."""

# What ends the session, or takes away what others are tried on: left to their own tests.
LEFT_ALONE = ("/logout/", "/discard/", "/cancel/", "/erase/")
UPLOADS = ("/batches/new/", "/models/training/new/", "/models/import/")


def test_the_shares_add_up():
    assert sum(SHARES.values()) >= 20_000


# ------------------------------------------------------------------ what is tried upon


@pytest.fixture(scope="module")
def place(place):
    """A copy for these tests alone: what is refused locks accounts, and what is accepted stays."""
    url = urlsplit(place.database_url)
    copy = url._replace(path="/bad_inputs").geturl()
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE bad_inputs TEMPLATE {url.path[1:]}")
    return replace(
        place, database_url=copy, environment={**place.environment, "DATABASE_URL": copy}
    )


@pytest.fixture(scope="module")
def furnished(place):
    """Where every door stands, and the cookies that open them all."""
    file = place.folder / "furnished.json"
    place.run("-m", "tests.reliability.furnished", str(file))
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def web(place, furnished):
    with serving(place) as running:
        yield running


@pytest.fixture(scope="module")
def doors(furnished):
    """A real address of each door, by its address with blanks."""
    return {
        pattern: address
        for pattern, address in furnished["addresses"].items()
        if not pattern.endswith(LEFT_ALONE)
    }


@pytest.fixture(scope="module")
def cookies(furnished):
    known = furnished["cookies"] | {"csrftoken": SECRET}
    return "; ".join(f"{name}={value}" for name, value in known.items()).encode()


@pytest.fixture
def trials(place, web):
    with contextlib.closing(Trials(place=place, web=web)) as trials:
        yield trials


@pytest.fixture(scope="module")
def pages(place, web, doors, cookies):
    """Every form of the product that posts, and by address what a page may be asked."""
    forms, asked = {}, {address: ["x"] for address in doors.values() if "/api/" in address}
    asked["/api/v1/predict/history"] = [*bad_requests.HISTORY]
    with contextlib.closing(Trials(place=place, web=web)) as trials:
        for address in doors.values():
            answer = trials.ask(_get(address, cookies))
            if answer.status == 200 and "html" in answer.headers["Content-Type"]:
                found, names = bad_requests.read_page(address, answer.content.decode())
                forms |= {(form.action, form.fields): form for form in found}
                for path, more in names.items():
                    asked[path] = sorted({*asked.get(path, ()), *more})
    return [form for form in forms.values() if not form.action.endswith(LEFT_ALONE)], asked


@pytest.fixture(scope="module")
def model(place, web, doors, cookies):
    """The members of the model's archive, as the product hands it out."""
    with contextlib.closing(Trials(place=place, web=web)) as trials:
        answer = trials.ask(_get(doors["/models/<version:version>/model.zip"], cookies))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _get(address, cookies):
    return Request(target=address.encode(), headers=(bad_requests.HOST, (b"Cookie", cookies)))


# ------------------------------------------------------------------ how it is tried


def until_refused(trials, strategy, attempt, share):
    """Attempt what the strategy makes until so many were refused; `attempt` judges each."""

    @settings(
        max_examples=6 * share,
        deadline=None,
        database=None,
        derandomize=share < 1000,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(example):
        if trials.refused < share:
            attempt(example)

    each()


@contextlib.contextmanager
def in_good_health(trials, share):
    """Meanwhile so many are refused, and the server is as well afterwards as it was before."""
    workers, memory = trials.web.workers(), trials.memory()
    yield
    assert trials.refused >= share, f"{trials.refused} of {trials.tried} were refused"
    assert trials.web.workers() == workers, "a worker has died"
    assert trials.memory() - memory < MORE_MEMORY
    assert not trials.faults(), trials.faults()
    assert trials.web.ask("/health").status == 200


def share_of(kind, long):
    return SHARES[kind] if long else SHARES[kind] // SHORT


def told(trials):
    return (
        f"{trials.refused:,} of them, and {trials.tried - trials.refused:,} that were not so bad:"
        f" no 500; the slowest answered in {trials.slowest:.1f} s"
    )


def follow(trials, answer, cookies):
    """What was accepted is looked at, as a browser does: a page drawn from it is no fault."""
    where = urlsplit(answer.headers.get("Location", ""))
    if answer.status != 302 or where.netloc:
        return
    assert where.path != "/accounts/login/", "the session has ended"
    trials.look(_get(where._replace(scheme="", netloc="").geturl(), cookies))


# ------------------------------------------------------------------ what is tried


def test_what_the_document_forbids(trials, long, seen):
    share = share_of("described", long)
    seed = random.randrange(2**32) if long else 0
    with in_good_health(trials, share):
        found = described.interactions(
            trials.web, seed=seed, examples=max(20, share // 6), bounds=long
        )
        for sent in found:
            trials.note(sent)
        trials.as_many_recorded_as_told()
    seen(
        "What the API’s own document forbids, made by Schemathesis",
        promised="An answer that the document describes, within 5 s; nothing is recorded",
        saw=told(trials),
    )


def test_what_no_document_describes(trials, long, seen):
    share = share_of("programs", long)
    with in_good_health(trials, share):
        requests = bad_requests.program_requests(trials.web.token)
        until_refused(trials, requests, trials.ask, share)
    seen(
        "Bodies, tokens, headers and media types that no program should send to the API",
        promised="A problem document (RFC 9457) within 5 s; nothing is recorded",
        saw=told(trials),
    )


def test_what_pages_are_asked(trials, long, seen, pages, cookies):
    """A page leaves out what it cannot read: whatever its answer, such a query is a bad one."""

    def ask(request):
        trials.look(request)
        trials.tried += 1
        trials.refused += 1

    share = share_of("queries", long)
    with in_good_health(trials, share):
        until_refused(trials, bad_requests.queries(pages[1], cookies), ask, share)
    seen(
        "Queries that no link and no form writes, at every page and list",
        promised="A page, or a refusal, within 5 s",
        saw=told(trials),
    )


def test_what_forms_are_filled_in_with(trials, long, seen, pages, cookies):
    def send(request):
        answer = trials.ask(request)
        trials.refused += answer.status == 200  # the form once more
        follow(trials, answer, cookies)

    share = share_of("forms", long)
    with in_good_health(trials, share):
        until_refused(trials, bad_requests.form_requests(pages[0], cookies, SECRET), send, share)
    seen(
        "Every form, filled in as no page would",
        promised="The form once more, or a refusal, within 5 s; nothing is recorded",
        saw=told(trials),
    )


def test_what_doors_are_knocked_at_with(trials, long, seen, doors, cookies):
    share = share_of("doors", long)
    with in_good_health(trials, share):
        requests = bad_requests.door_requests(doors, cookies, SECRET, trials.web.token)
        until_refused(trials, requests, trials.ask, share)
    seen(
        "Addresses, methods, cookies and headers that lead nowhere, at every door",
        promised="A refusal within 5 s; nothing is recorded",
        saw=told(trials),
    )


def test_what_is_no_request(trials, long, seen, cookies):
    share = share_of("streams", long)
    key = (b"Authorization", b"Bearer " + trials.web.token.encode())
    assess = Request(
        method=b"POST",
        target=ASSESS.encode(),
        headers=(bad_requests.HOST, bad_requests.JSON, key),
        body=b'{"over_time": "Yes", "job_level": 2}',
    )
    good = [_get("/predictions/", cookies).sent, assess.sent]
    with in_good_health(trials, share):
        until_refused(trials, bad_requests.streams(good), trials.tell, share)
    seen(
        "Bytes that are no request, or one with broken lines, lengths and parts",
        promised="A refusal or a closed connection within 5 s; nothing is recorded",
        saw=told(trials),
    )


def test_what_files_are_brought(trials, long, seen, model, cookies):
    def bring(example):
        address, name, content = example
        answer = trials.ask(bad_requests.upload(address, name, content, cookies, SECRET))
        trials.refused += answer.status == 200  # the form once more, with the reason
        follow(trials, answer, cookies)

    share = share_of("files", long)
    with in_good_health(trials, share):
        until_refused(trials, bad_files.brought(UPLOADS, model), bring, share)
        trials.patience = 30.0
        for content in bad_files.large_files() if long else ():
            for address in UPLOADS:
                bring((address, "large.xlsx", content))
    seen(
        "Tables, workbooks and models that are broken, or made to break what reads them",
        promised="The reason, beside the form, within 5 s; 30 s for what unpacks to 200 MB",
        saw=told(trials),
    )


def test_no_header_says_below_which_path_the_product_stands(trials, cookies):
    """gunicorn would believe one that comes from the machine itself, as from a proxy."""
    page = _get("/predictions/", cookies)
    for name in (b"SCRIPT_NAME", b"Script_Name", b"PATH_INFO"):
        for value in (b"/x", b"/predictions", b"/health"):
            moved = replace(page, headers=(*page.headers, (name, value)))
            assert trials.ask(moved).status == 200


def test_no_charset_is_a_fault(trials, cookies):
    """Some of Python's codecs read no text."""
    for charset in (b"rot13", b"idna", b"hex", b"punycode"):
        kind = (b"Content-Type", b"application/x-www-form-urlencoded; charset=" + charset)
        page = _get("/predictions/?employee_id=%C3%A9", cookies)
        assert trials.ask(replace(page, headers=(*page.headers, kind))).status == 200
