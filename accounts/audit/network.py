"""The address of a client, and its network: an address cut to /24 (IPv4) or /64 (IPv6)."""

import ipaddress

from allauth.core import context
from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PREFIX_LENGTHS = {4: 24, 6: 64}


def client_address(request: HttpRequest | Request) -> Address | None:
    """Return the address of a request's client, None without one. IPv4 in IPv6 becomes IPv4."""
    address = request.META.get("REMOTE_ADDR") or ""
    if count := settings.FOAM_PROXY_COUNT:
        # Each proxy appends an address; a client can forge those before them.
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        address = forwarded[-min(count, len(forwarded))].strip() or address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def network_of(address: Address) -> str:
    """Return the network of an address, such as 203.0.113.0/24."""
    return str(ipaddress.ip_network((address, PREFIX_LENGTHS[address.version]), strict=False))


def current_network() -> str:
    """Return the network of the request that is being answered; empty outside of one."""
    request: HttpRequest | None = context.request
    address = None if request is None else client_address(request)
    return "" if address is None else network_of(address)
