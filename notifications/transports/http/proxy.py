"""The requests that use the operator's proxy, and the failures of the proxy itself. Pure."""

from ipaddress import ip_address
from typing import Protocol

from notifications.transports.http.egress_policy import Policy, is_local, not_public, reached

SETTING = "FOAM_OUTBOUND_PROXY"
# RFC 9110: the proxy wants a login; a gateway got a bad answer, or none in time.
OWN_STATUSES = {407, 502, 504}


class OutboundProxy(Protocol):
    """The operator's proxy, as the settings have it."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def name(self) -> str:
        """The host and the port, as people are shown them."""

    @property
    def address(self) -> str:
        """The address without name and password."""

    @property
    def secret_address(self) -> str:
        """The address with name and password."""


def goes_directly(host: str, policy: Policy) -> bool:
    """Tell whether a host is reached without the proxy: in a named network, private, or local.

    Only the text decides. Another name is looked up by the proxy, as FOAM may know no public names.
    """
    try:
        address = reached(ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return is_local(host)
    return policy.allows(address) or bool(not_public(address))


def is_own_answer(status: int, proxy_status: str, squid_error: str) -> bool:
    """Tell whether an answer to a forwarded request comes from the proxy, not from the receiver.

    `proxy_status` is the header of RFC 9209, `squid_error` is X-Squid-Error.
    """
    has_error = "error=" in proxy_status or bool(squid_error)
    return status in OWN_STATUSES or (status >= 400 and has_error)


def refusal(name: str, status: int) -> str:
    """Return the sentence about a status with which the proxy refused a request."""
    if status == 407:
        return f"the proxy {name} refused FOAM's name or password (407)"
    return f"the proxy {name} refused the connection ({status})"


def failure(name: str, reason: str) -> str:
    return f"the proxy {name} could not be used: {reason}"
