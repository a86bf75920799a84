"""The order in which several servers of a DATABASE_URL are tried: a server that hung comes last.

Each of them may take the time-out of a connection, and all that is due waits for it.
"""

from typing import Any

from psycopg.pq.abc import PGconn

Host = tuple[str, str]
PORT = "5432"


class Hosts:
    """The servers that this process knows: which answered last, and which did not."""

    def __init__(self) -> None:
        self.good: Host | None = None
        self.bad: Host | None = None

    def ordered(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a connection with their hosts in the best order."""
        names = str(params.get("host", "")).split(",")
        ports = str(params.get("port") or PORT).split(",")
        if len(names) == 1 or len(ports) not in {1, len(names)} or "hostaddr" in params:
            return params
        pairs = list(zip(names, ports * len(names) if len(ports) == 1 else ports, strict=True))
        pairs.sort(key=self._rank)
        return {
            **params,
            "host": ",".join(name for name, _ in pairs),
            "port": ",".join(port for _, port in pairs),
        }

    def _rank(self, pair: Host) -> int:
        host = (pair[0], pair[1] or PORT)
        return 0 if host == self.good else 2 if host == self.bad else 1

    def answered(self, pgconn: PGconn) -> None:
        self.good = host_of(pgconn)
        if self.bad == self.good:
            self.bad = None

    def hung(self, pgconn: PGconn) -> None:
        self.bad = host_of(pgconn)
        if self.good == self.bad:
            self.good = None


def host_of(pgconn: PGconn) -> Host:
    return pgconn.host.decode(), pgconn.port.decode()


hosts = Hosts()
