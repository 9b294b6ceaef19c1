"""From where a request comes: what proxies of ours wrote is believed, and nothing else."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from axes.helpers import get_client_ip_address
from django.test import RequestFactory

from accounts.addresses import client_address, counted_address

PROXY = "10.0.0.1"
NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def address(settings, proxies, *, peer=PROXY, forwarded=None):
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR=peer))


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        # Nobody is trusted: the connection's own address.
        (0, "192.0.2.7", None, "192.0.2.7"),
        (0, "192.0.2.7", "203.0.113.9", "192.0.2.7"),
        ((), "192.0.2.7", "203.0.113.9", "192.0.2.7"),
        # One proxy wrote the last entry; what stands before it, the sender wrote.
        (1, PROXY, "203.0.113.9", "203.0.113.9"),
        (1, PROXY, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, PROXY, "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        # It did not come by all of them.
        (2, PROXY, "203.0.113.9", PROXY),
        (1, PROXY, None, PROXY),
        (1, PROXY, "", PROXY),
        (1, PROXY, "no address", PROXY),
        # By networks: as far as ours wrote it, whatever their number.
        (NETWORKS, PROXY, "203.0.113.9", "203.0.113.9"),
        (NETWORKS, PROXY, "198.51.100.1, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        (NETWORKS, "192.0.2.7", "203.0.113.9", "192.0.2.7"),
        (NETWORKS, PROXY, "nonsense, 10.1.1.1", "10.1.1.1"),
        (NETWORKS, PROXY, "10.2.2.2, 10.1.1.1", "10.2.2.2"),
        (NETWORKS, "fd00::1", "2001:db8::5", "2001:db8::5"),
        # A socket of the machine has no address.
        (1, "", "203.0.113.9", "203.0.113.9"),
        (NETWORKS, "", "203.0.113.9", "203.0.113.9"),
        (0, "", None, None),
        # As some proxies write it.
        (1, PROXY, "203.0.113.9:51123", "203.0.113.9"),
        (1, PROXY, "[2001:db8::5]:51123", "2001:db8::5"),
        (1, PROXY, "2001:DB8:0::5", "2001:db8::5"),
        (1, PROXY, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, PROXY, "fe80::1%eth0", "fe80::1"),
    ],
)
def test_the_sender_s_address(settings, proxies, peer, forwarded, expected):
    assert address(settings, proxies, peer=peer, forwarded=forwarded) == expected


def test_the_lockout_asks_the_same(settings):
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory().get(
        "/", headers={"X-Forwarded-For": "203.0.113.9"}, REMOTE_ADDR=PROXY
    )
    assert get_client_ip_address(request) == "203.0.113.9"


def test_all_addresses_of_an_ipv6_network_are_one_sender(settings):
    settings.TRUSTED_PROXIES = 0
    one, other, elsewhere = (
        counted_address(RequestFactory().get("/", REMOTE_ADDR=peer))
        for peer in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
    )
    assert one == other == "2001:db8:1:2::"
    assert elsewhere != one


def test_behind_a_proxy_only_who_guesses_is_locked_out(client, settings, quick_passwords, db):
    """Five failures from one address behind the proxy leave the others behind it alone."""
    from tests.accounts.conftest import PASSWORD
    from tests.accounts.factories import make_person

    settings.TRUSTED_PROXIES = 1
    make_person("analyst", username="frank", password=PASSWORD)

    def sign_in(password, sender):
        return client.post(
            "/accounts/login/",
            {"username": "frank", "password": password},
            REMOTE_ADDR=PROXY,
            headers={"X-Forwarded-For": sender},
        ).status_code

    assert [sign_in("wrong", "203.0.113.9") for _ in range(5)] == [200] * 4 + [429]
    assert sign_in(PASSWORD, "203.0.113.9") == 429
    # Another entry before the proxy's own does not help whoever guesses.
    assert sign_in(PASSWORD, "198.51.100.1, 203.0.113.9") == 429
    assert sign_in(PASSWORD, "203.0.113.77") == 302
