"""From where a request comes: one answer for the lockout, the throttle and the logs.

Anyone can write an `X-Forwarded-For` header, so it is read only as far as proxies that are known
to be ours have written it (`TRUSTED_PROXIES` in the settings). Each proxy appends the address that
it was called from: what the nearest of ours wrote stands last.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Networks = tuple[IPv4Network | IPv6Network, ...]

_KEPT = "_client_address"
# Whoever has one address of IPv6 has all of its network.
_IPV6_NETWORK = 64


def client_address(request: HttpRequest) -> str | None:
    """The address of who sends `request`, in its canonical form; None where nothing tells it."""
    known: dict[str, str | None] = request.__dict__
    if _KEPT not in known:
        known[_KEPT] = _found(
            request.META.get("REMOTE_ADDR", ""),
            request.META.get("HTTP_X_FORWARDED_FOR", ""),
            settings.TRUSTED_PROXIES,
        )
    return known[_KEPT]


def counted_address(request: HttpRequest) -> str | None:
    """What is counted as one sender: an address, or for IPv6 the first of all that it can choose.

    None where nothing tells the address: then all of them are one sender.
    """
    address = client_address(request)
    return _first_of_network(address) if address else None


@lru_cache(maxsize=4096)
def _found(peer: str, forwarded: str, proxies: int | Networks) -> str | None:
    """The sender, by the connection's own address and what the proxies wrote."""
    if not proxies or not forwarded:
        return _canonical(peer)
    line = [part.strip() for part in forwarded.split(",")]
    if isinstance(proxies, int):
        # Fewer entries than proxies: it did not come by all of them, so nothing of it is theirs.
        return _canonical(line[-proxies] if len(line) >= proxies else peer) or _canonical(peer)
    sender = _canonical(peer)
    while line and (sender is None or _is_in(sender, proxies)):
        before = _canonical(line.pop())
        if before is None:
            break
        sender = before
    return sender


def _is_in(address: str, networks: Networks) -> bool:
    found = ip_address(address)
    return any(found in network for network in networks)


def _canonical(text: str) -> str | None:
    """An address as it is compared and stored; None when `text` is none.

    Some proxies add the port, and an IPv4 address may come in IPv6's clothes.
    """
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(maxsize=4096)
def _first_of_network(address: str) -> str:
    if ":" not in address:
        return address
    return str(ip_network(f"{address}/{_IPV6_NETWORK}", strict=False).network_address)
