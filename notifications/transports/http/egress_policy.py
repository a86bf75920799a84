"""The addresses, ports and URLs to which FOAM may connect on a user's behalf (against SSRF). Pure.

A name can resolve to any address, and to another one a minute later. So the address is checked when
a connection is opened (`Policy.refusal`); `check_url` gives an early answer in the form.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Self
from urllib.parse import quote, urlsplit

from accounts.email_addresses import BadAddress, domain_to_ascii, has_lookalikes
from accounts.private_networks import PrivateNetwork

Address = IPv4Address | IPv6Address

NETWORKS_SETTING = "FOAM_ALLOWED_PRIVATE_NETWORKS"
PORTS_SETTING = "FOAM_WEBHOOK_PORTS"
LONGEST_URL = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

# Own table, as the result of `is_global` differs between versions of Python.
NOT_PUBLIC = [
    (ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "an unspecified address"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a carrier-grade NAT address"),
        ("127.0.0.0/8", "a loopback address"),
        # The metadata services of most clouds are here, ...
        ("169.254.0.0/16", "a link-local address"),
        # ... but not Azure's (this one) and Oracle's (192.0.0.0/24).
        ("168.63.129.16/32", "a cloud provider's internal address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "a documentation address"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "a benchmarking address"),
        ("198.51.100.0/24", "a documentation address"),
        ("203.0.113.0/24", "a documentation address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::/128", "an unspecified address"),
        ("::1/128", "a loopback address"),
        ("2001::/23", "a reserved address"),  # Teredo among them
        ("2001:db8::/32", "a documentation address"),
        ("3fff::/20", "a documentation address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
    )
]
PUBLIC_IPV6 = ip_network("2000::/3")
NAT64 = ip_network("64:ff9b::/96")

# Names that public name servers do not resolve.
LOCAL_SUFFIXES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa")
LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class RefusedUrl(Exception):
    """FOAM does not connect to this URL; the text is the reason, for the user."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The private networks and the ports that the operator allows."""

    networks: tuple[PrivateNetwork, ...]
    ports: tuple[range, ...]

    @classmethod
    def of(cls, networks: Iterable[str], ports: Iterable[int | Sequence[int]]) -> Self:
        """Return the policy of the settings; a port is a number, or the ends of a range."""
        allowed = tuple(PrivateNetwork.parse(network) for network in networks)
        return cls(allowed, tuple(_range(port) for port in ports))

    def without_networks(self) -> Self:
        """Return the policy for a user to whom the operator allows no private network."""
        return replace(self, networks=())

    def allows(self, address: Address, port: int | None = None) -> bool:
        """Tell whether the operator allows the network of the address, and the port if given."""
        return any(network.allows(address, port) for network in self.networks)

    def refusal(self, literal: str, port: int) -> str:
        """Return why no connection may be opened to this address and port; empty if it may."""
        address = reached(ip_address(literal.partition("%")[0]))
        if self.allows(address, port):
            return ""
        if self.allows(address) and not_public(address):
            return f"port {port} of a private network; the setting {NETWORKS_SETTING} can allow it"
        if kind := not_public(address):
            return f"{kind}; the setting {NETWORKS_SETTING} can allow it"
        return self.port_refusal(port)

    def port_refusal(self, port: int) -> str:
        if any(port in ports for ports in self.ports):
            return ""
        return f"port {port}; the setting {PORTS_SETTING} can allow it"


def _range(port: int | Sequence[int]) -> range:
    first, last = (port, port) if isinstance(port, int) else port
    return range(first, last + 1)


def reached(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address contains (NAT64, mapped, 6to4), or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def not_public(address: Address) -> str:
    """Return the kind of an address that is not public; empty for a public one."""
    for network, kind in NOT_PUBLIC:
        if address in network:
            return kind
    if isinstance(address, IPv6Address) and address not in PUBLIC_IPV6:
        return "a reserved address"
    return ""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed the check: its canonical form, its host and its port."""

    url: str
    host: str
    port: int

    @property
    def peer(self) -> str:
        return f"{self.host}:{self.port}"


@lru_cache(maxsize=4096)
def check_url(url: str, policy: Policy) -> Target:
    """Return the target of a URL in canonical form; RefusedUrl with the reason."""
    _check_text(url)
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        raise RefusedUrl("This is not a web address.") from None
    if scheme not in DEFAULT_PORTS:
        raise RefusedUrl("The address must begin with https:// or http://.")
    if "@" in parts.netloc:
        raise RefusedUrl("A user name or password in the address is not supported.")
    if has_lookalikes(parts.netloc):
        raise RefusedUrl("The host name has letters that stand for others: write the plain ones.")
    if "#" in url:
        raise RefusedUrl("The address must not have a fragment (#).")
    if port == 0:
        raise RefusedUrl("There is no port 0.")
    host = _literal(host) if "[" in parts.netloc else _host(host)
    port = port or DEFAULT_PORTS[scheme]
    _check_destination(host, port, policy)
    netloc = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    path = quote(parts.path or "/", safe="/%:=&~+!$,;'@()*-._")
    query = "?" + quote(parts.query, safe="/%:=&~+!$,;'@()*-._?") if parts.query else ""
    return Target(f"{scheme}://{netloc}{path}{query}", host, port)


def _check_text(url: str) -> None:
    if len(url) > LONGEST_URL:
        raise RefusedUrl(f"The address is longer than {LONGEST_URL} characters.")
    if any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
        raise RefusedUrl("The address has a space, a backslash or an invisible character in it.")


def _literal(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise RefusedUrl("What is in brackets is not an IPv6 address.") from None
    if address.scope_id:
        raise RefusedUrl("An IPv6 address must not name an interface (%).")
    return f"[{address}]"


def _host(text: str) -> str:
    """Return a name in ASCII, or a dotted IPv4 address; RefusedUrl for other forms of a host."""
    host = _ascii(text).removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_is_label(label) for label in labels):
        raise RefusedUrl("The address has no valid host name.")
    # 2130706433, 0x7f.1 and 0177.0.0.1 are all loopback to one resolver or another.
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise RefusedUrl(f"{host} is not an IPv4 address of four plain numbers.") from None
    return host


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return domain_to_ascii(text)
    except BadAddress as error:
        raise RefusedUrl(f"{error} Or write its xn-- form.") from None


def check_name(host: str) -> None:
    """Refuse a name with an invalid xn-- label. Only new addresses are checked for this."""
    try:
        domain_to_ascii(host)
    except BadAddress as error:
        raise RefusedUrl(str(error)) from None


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and LABEL.issuperset(label) and label.strip("-") == label


def _check_destination(host: str, port: int, policy: Policy) -> None:
    """Refuse an address that is not public; the addresses of a name are checked at connect time."""
    if host[0] == "[" or host.rpartition(".")[2].isdigit():
        if reason := policy.refusal(host.strip("[]"), port):
            raise RefusedUrl(f"{host.strip('[]')} is refused: {reason}.")
    elif not is_local(host):
        if reason := policy.port_refusal(port):
            raise RefusedUrl(f"{host} is refused: {reason}.")
    elif not _may_be_local(host, port, policy):
        raise RefusedUrl(
            f"{host} is refused: a local name; the setting {NETWORKS_SETTING} can allow it."
        )


def is_local(host: str) -> bool:
    """Tell whether public name servers do not resolve a name."""
    return "." not in host or any(host.endswith(f".{suffix}") for suffix in LOCAL_SUFFIXES)


def _may_be_local(host: str, port: int, policy: Policy) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        loopback = IPv4Address("127.0.0.1"), IPv6Address("::1")
        return any(policy.allows(address, port) for address in loopback)
    return any(port in ports for network in policy.networks for ports in network.ports)
