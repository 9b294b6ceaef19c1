"""The lighter middleware does what the library's does, and no more than is needed."""

import pytest
from csp.constants import HEADER, SELF
from csp.decorators import csp_update
from csp.middleware import CSPMiddleware
from django.http import HttpResponse
from django.urls import reverse

from attrition_site.requests.page_middleware import ContentPolicyMiddleware


def plain(request):
    return HttpResponse()


@csp_update({"img-src": ["https://example.com"]})
def with_a_wish(request):
    return HttpResponse()


def with_a_nonce(request):
    return HttpResponse(str(request.csp_nonce))


def with_its_own(request):
    return HttpResponse(headers={HEADER: f"default-src {SELF}"})


@pytest.mark.parametrize("view", [plain, with_a_wish, with_a_nonce, with_its_own])
def test_the_policy_is_the_one_the_library_would_write(rf, view, monkeypatch):
    monkeypatch.setattr("os.urandom", bytes)  # one nonce for both
    ours = ContentPolicyMiddleware(view)(rf.get("/"))
    theirs = CSPMiddleware(view)(rf.get("/"))
    assert ours[HEADER] == theirs[HEADER]
    assert SELF in ours[HEADER]


@pytest.mark.parametrize("address", ["/", "/excluded/"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CONTENT_SECURITY_POLICY_REPORT_ONLY", {"DIRECTIVES": {"img-src": [SELF]}}),
        (
            "CONTENT_SECURITY_POLICY",
            {"EXCLUDE_URL_PREFIXES": ["/excluded/"], "DIRECTIVES": {"img-src": [SELF]}},
        ),
    ],
)
def test_settings_beyond_one_policy_for_all_are_heeded(rf, settings, setting, value, address):
    setattr(settings, setting, value)
    ours = ContentPolicyMiddleware(plain)(rf.get(address))
    theirs = CSPMiddleware(plain)(rf.get(address))
    assert ours.headers == theirs.headers
    assert (HEADER in ours) is (address == "/" or setting.endswith("REPORT_ONLY"))


def test_the_api_does_not_look_at_a_browsers_session(
    client, alice, active_model, django_assert_num_queries
):
    client.force_login(alice)
    with django_assert_num_queries(0):
        assert client.post("/api/v1/predict/attrition").status_code == 401


@pytest.mark.django_db
def test_a_page_still_asks_who_is_there(client):
    answer = client.get(reverse("home"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:login"))
