"""What an address or a selection in the admin cannot mean is answered; a fault is not hidden."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.db import connection

from mlcore.admin import ModelVersionAdmin

VERSIONS = "/admin/mlcore/modelversion/"
PREDICTIONS = "/admin/predictions/prediction/"
ATTEMPTS = "/admin/axes/accessattempt/"


@pytest.fixture
def as_root(client, root):
    client.force_login(root)
    return client


def failures() -> AccessAttempt:
    return AccessAttempt.objects.create(
        username="frank", ip_address="192.0.2.7", failures_since_start=5
    )


def refused(answer) -> bool:
    return answer.status_code == 302 and answer["Location"].endswith("/?e=1")


@pytest.mark.parametrize(
    "address",
    [
        "mlcore/modelversion/?registered_at__year=-1",
        "mlcore/modelversion/?registered_at__year=-1&e=1",
        "mlcore/modelversion/?version__regex=(",
        "mlcore/modelversion/?version__iregex=(a%2B)%2B$",
        "mlcore/activation/?activated_at__year=-1",
        "accounts/user/?date_joined__year=-1",
        "django_q/schedule/?next_run__year=-1",
        "axes/accessattempt/?attempt_time__year=-1",
        "django_q/ormq/?key__range=abc",
    ],
)
def test_a_list_whose_address_makes_no_sense_is_shown_without_it(as_root, active_model, address):
    answer = as_root.get(f"/admin/{address}")
    assert refused(answer)
    assert as_root.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "mlcore/modelversion/?version=%00",
        "accounts/user/?username=%00",
        "auth/group/?name=%00",
        "axes/accessattempt/?ip_address=x",
    ],
)
def test_nor_need_it_make_sense_to_the_database(as_root, active_model, address):
    answer = as_root.get(f"/admin/{address}")
    # SQLite compares anything with anything.
    assert refused(answer) or (answer.status_code == 200 and connection.vendor == "sqlite")


@pytest.mark.parametrize("name", ["change", "history"])
@pytest.mark.parametrize("key", ["%00", "_00"])
@pytest.mark.parametrize("model", ["mlcore/modelversion", "django_q/success", "accounts/user"])
def test_no_record_is_named_by_a_null_character(as_root, model, key, name):
    answer = as_root.get(f"/admin/{model}/{key}/{name}/")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


@pytest.fixture
def fault(monkeypatch):
    def break_(name):
        def raise_(*args, **kwargs):
            raise ValueError("a fault of ours")

        monkeypatch.setattr(ModelVersionAdmin, name, raise_)

    return break_


@pytest.mark.parametrize("query", ["", "?e=1"])
@pytest.mark.parametrize("name", ["get_queryset", "title"])
def test_a_fault_of_the_page_is_not_hidden(as_root, active_model, fault, name, query):
    fault(name)
    with pytest.raises(ValueError, match="a fault of ours"):
        as_root.get(f"{VERSIONS}{query}")


def test_what_fails_as_the_list_is_drawn_is_refused_too_and_logged(
    as_root, active_model, fault, caplog
):
    fault("title")
    assert refused(as_root.get(f"{VERSIONS}?o=1"))
    assert "a fault of ours" in caplog.text


def test_who_may_not_see_a_list_learns_nothing_by_a_bad_address(as_bob):
    assert as_bob.get(f"{ATTEMPTS}?ip_address__regex=(").status_code == 403
    assert as_bob.get(f"{ATTEMPTS}?attempt_time__year=-1").status_code == 403
    assert as_bob.post(ATTEMPTS, {"_selected_action": "x"}).status_code == 403


@pytest.mark.parametrize("selected", ["garbage", "x" * 5000, "\0"])
@pytest.mark.parametrize("index", [{}, {"index": "0"}])
def test_a_selection_of_no_record_is_answered(as_bob, record, alice, selected, index):
    record(alice)
    answer = as_bob.post(
        f"{PREDICTIONS}?band__exact=high",
        {"action": "export_csv", "_selected_action": selected, **index},
    )
    assert answer.status_code == 302
    assert answer["Location"] == f"{PREDICTIONS}?band__exact=high"
    assert "The selection could not be read" in as_bob.get(answer["Location"]).text


@pytest.mark.parametrize("selected", ["x", "9" * 30, "-" + "9" * 30, "1.5"])
def test_nor_is_anything_deleted_by_it(as_root, selected):
    attempt = failures()
    answer = as_root.post(
        ATTEMPTS,
        {"action": "delete_selected", "_selected_action": [selected, attempt.pk], "post": "yes"},
    )
    assert (answer.status_code, answer["Location"]) == (302, ATTEMPTS)
    assert "The selection could not be read" in as_root.get(ATTEMPTS).text
    assert AccessAttempt.objects.filter(pk=attempt.pk).exists()


def test_a_good_selection_is_acted_upon(as_root):
    attempt = failures()
    answer = as_root.post(
        ATTEMPTS,
        {"action": "delete_selected", "_selected_action": [attempt.pk], "post": "yes"},
    )
    assert answer.status_code == 302
    assert not AccessAttempt.objects.exists()
