"""The response headers of the API, each described once and referred to by the answers."""

from typing import Any

TEXT = {"type": "string"}
SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
HEADERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "X-Request-ID": (
        "The id of the request: the one that you sent, or a new one. The operator finds it in the "
        "logs.",
        {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
        "8e03978e40d543e8bc936894a57f9324",
    ),
    "RateLimit-Policy": (
        "Your limits (draft-ietf-httpapi-ratelimit-headers): `q` requests in `w` seconds.",
        TEXT,
        '"token";q=600;w=60, "user";q=1200;w=60',
    ),
    "RateLimit": (
        "What is left of each limit: `r` requests; in `t` seconds it is all of them.",
        TEXT,
        '"token";r=599;t=1, "user";r=1199;t=1',
    ),
    "ETag": (
        "The version of this answer. Send it back as `If-None-Match` to read only what has "
        "changed, or as `If-Match` to change only what you have read.",
        {"type": "string", "pattern": '^(W/)?"[!#-~]*"$'},
        '"3-5bd0e1c8f6a2b974"',
    ),
    "Location": (
        "The address of the created object.",
        {"type": "string", "format": "uri"},
        "https://foam.example.org/api/v1/reminders/7/",
    ),
    "Idempotency-Replayed": (
        "`true` if this repeats the answer to an earlier request with the same "
        "`Idempotency-Key`; absent otherwise.",
        {"type": "string", "enum": ["true"]},
        "true",
    ),
    "Retry-After": ("Seconds to wait before you send the request again.", SECONDS, "5"),
    "WWW-Authenticate": (
        "The scheme to use: Bearer.",
        {"type": "string", "pattern": "^Bearer"},
        "Bearer",
    ),
    "FOAM-Reminders": ("The number of reminders that used the channel.", NUMBER, "3"),
    "FOAM-Reminders-Undeliverable": (
        "The number of those that no other channel takes messages for.",
        NUMBER,
        "2",
    ),
    "Content-Disposition": (
        "The name of the file.",
        TEXT,
        'attachment; filename="reminders.jsonl"',
    ),
}
COMMON_HEADERS = ("X-Request-ID", "RateLimit-Policy", "RateLimit")


def header_ref(name: str) -> dict[str, str]:
    """Return a reference to the component of a header."""
    return {"$ref": f"#/components/headers/{name}"}


def header_components() -> dict[str, Any]:
    """Return the component of each header."""
    return {
        name: {"description": description, "schema": schema, "example": example}
        for name, (description, schema, example) in HEADERS.items()
    }
