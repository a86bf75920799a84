"""The network of the current request: an address cut to /24 (IPv4) or /64 (IPv6)."""

import ipaddress

from allauth.core import context
from allauth.core.internal.httpkit import get_client_ip
from django.http import HttpRequest

PREFIX_LENGTHS = {4: 24, 6: 64}


def network_of(address: str) -> str:
    """Return the network of an address, such as 203.0.113.0/24; empty for no address."""
    try:
        parsed = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    prefix = PREFIX_LENGTHS[parsed.version]
    return str(ipaddress.ip_network(f"{parsed}/{prefix}", strict=False))


def current_network() -> str:
    """Return the network of the request that is being answered; empty outside of one."""
    request: HttpRequest | None = context.request
    return "" if request is None else network_of(get_client_ip(request) or "")
