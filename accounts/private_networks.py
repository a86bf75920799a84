"""The grammar of FOAM_ALLOWED_PRIVATE_NETWORKS: networks, each with its ports. Pure.

`10.0.0.5:8443`, `10.1.0.0/16:8000-8999`, `[fd00::/8]:443` and `127.0.0.0/8:*` name ports. An item
without ports allows DEFAULT_PORTS.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple, Self

DEFAULT_PORTS = (range(80, 81), range(443, 444))
LAST_PORT = 65535
ANY_PORT = (range(1, LAST_PORT + 1),)
EXAMPLE = (
    "networks with commas between, each with its ports (80 and 443 if none stands there): "
    "10.0.0.5:8443,10.1.0.0/16:8000-8999,[fd00::/8]:443,127.0.0.0/8:*"
)
# An IPv6 address stands in brackets if a port follows: `fd00::5:8443` is an address as well.
ITEM = re.compile(
    r"(?:\[(?P<bracketed>[0-9A-Fa-f:./]+)\](?P<length>/[0-9]{1,3})?"
    r"|(?P<ipv4>[0-9.]+(?:/[0-9.]+)?)"
    r"|(?P<ipv6>[0-9A-Fa-f:.]+/[0-9]{1,3}))"
    r"(?::(?P<ports>\*|[0-9]{1,5}(?:-[0-9]{1,5})?))?"
)


class PrivateNetwork(NamedTuple):
    """A network that the operator allows, and its ports."""

    network: IPv4Network | IPv6Network
    ports: tuple[range, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the network of an item; ValueError if it is none."""
        match = ITEM.fullmatch(text.strip())
        if match is None or (match["ipv6"] and match["ports"]):
            raise ValueError(text)
        bracketed = match["bracketed"] and match["bracketed"] + (match["length"] or "")
        network = ip_network(bracketed or match["ipv4"] or match["ipv6"], strict=False)
        return cls(network, _ports_of(match["ports"]))

    def allows(self, address: IPv4Address | IPv6Address, port: int | None = None) -> bool:
        """Tell whether the address, and the port if one is given, are allowed."""
        if address not in self.network:
            return False
        return port is None or any(port in ports for ports in self.ports)


def _ports_of(text: str | None) -> tuple[range, ...]:
    if text is None:
        return DEFAULT_PORTS
    if text == "*":
        return ANY_PORT
    first, _, last = text.partition("-")
    lowest, highest = int(first), int(last or first)
    if not 0 < lowest <= highest <= LAST_PORT:
        raise ValueError(text)
    return (range(lowest, highest + 1),)
