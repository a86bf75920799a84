"""Settings of the connection to PostgreSQL."""

from typing import Any

# More often than a session executes any statement.
NEVER = 2**62


def database_settings(address: dict[str, Any], *, is_pooled: bool) -> dict[str, Any]:
    """Return Django's settings of the database at an address as django-environ reads it.

    `is_pooled`: PgBouncer stands between, so that no session may hold state.
    """
    options = address.get("OPTIONS", {})
    # Ends the session of a machine that froze or was cut off while it held locks; by default
    # PostgreSQL waits for two hours. PgBouncer takes no such options: there the role has them
    # (docs/scaling.md). Options in DATABASE_URL come later and overrule this.
    session = "" if is_pooled else "-c idle_in_transaction_session_timeout=60s"
    session = f"{session} {options.get('options', '')}".strip()
    return {
        **address,
        "ENGINE": "foam.postgresql",
        "DISABLE_SERVER_SIDE_CURSORS": is_pooled,
        "OPTIONS": {
            "connect_timeout": 5,
            # Give up a database that was cut off; the system's default is two hours.
            # foam.postgresql gives up a database that hangs.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
            # Of several servers use the primary, not the first that answers.
            **({"target_session_attrs": "read-write"} if "," in address["HOST"] else {}),
            **options,
            **({"options": session} if session else {}),
            # Only statements that ask for it are prepared; without a threshold, none.
            **({} if is_pooled else {"prepare_threshold": NEVER}),
        },
        # A new connection has to plan every statement again; health checks find a dead one.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
