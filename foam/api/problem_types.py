"""The kinds of errors of the API, by the `code` of their problem documents."""

from typing import NamedTuple


class ProblemType(NamedTuple):
    """The status of an error, what it means, and what a client does about it."""

    status: int
    meaning: str
    remedy: str


SEND_AGAIN = "Nothing was changed. Send the request again after the seconds in `Retry-After`."
# The first code of a status is its usual one.
PROBLEM_TYPES = {
    "invalid": ProblemType(
        400,
        "A field, parameter or header is not valid.",
        "`errors` names each with the reason. Correct them, and send the request again.",
    ),
    "parse_error": ProblemType(
        400, "The body cannot be read.", "Send UTF-8 JSON, as `detail` describes."
    ),
    "not_authenticated": ProblemType(
        401, "There is no token.", "Send the header `Authorization: Bearer foam_…`."
    ),
    "authentication_failed": ProblemType(
        401, "The token is unknown, expired or revoked.", "Create a new token."
    ),
    "permission_denied": ProblemType(
        403,
        "The token lacks a scope, or a browser session sent no CSRF token.",
        "Use a token with the scope that `detail` names.",
    ),
    "not_found": ProblemType(
        404,
        "It does not exist, or it belongs to another user.",
        "Check the address and the id.",
    ),
    "method_not_allowed": ProblemType(
        405, "The address does not take this method.", "`Allow` lists the methods that it takes."
    ),
    "not_acceptable": ProblemType(
        406, "No format in `Accept` is available.", "Send `Accept: application/json`."
    ),
    "conflict": ProblemType(
        409,
        "The state does not allow this, or a parallel request changed it.",
        "Read it again, and decide anew.",
    ),
    "idempotency_key_reused": ProblemType(
        409,
        "The `Idempotency-Key` was sent before with another request.",
        "Use a new key for a new request.",
    ),
    "idempotency_key_in_progress": ProblemType(
        409,
        "The first request with this `Idempotency-Key` is still in progress.",
        "Send the same request again after the seconds in `Retry-After`.",
    ),
    "sync_too_old": ProblemType(
        410,
        "`updated_since` is too long ago: deletions since then are not known any more.",
        "Start again with `updated_since=start`.",
    ),
    "length_required": ProblemType(
        411, "The body has no length.", "Send it with a `Content-Length`."
    ),
    "precondition_failed": ProblemType(
        412, "It was changed after the version in `If-Match`.", "Read it again, and decide anew."
    ),
    "too_large": ProblemType(
        413, "The body is too large.", "Send less, such as several batches instead of one."
    ),
    "unsupported_media_type": ProblemType(
        415, "The body has an unsupported content type.", "Send `Content-Type: application/json`."
    ),
    "throttled": ProblemType(
        429, "There were too many requests.", "Wait for the seconds in `Retry-After`."
    ),
    "too_many": ProblemType(
        429,
        "There were too many messages to a channel, or too many at once.",
        "Wait for the seconds in `Retry-After`.",
    ),
    "server_error": ProblemType(
        500,
        "Something went wrong in FOAM. It has been logged.",
        "Tell the operator the `request_id`: it stands in the log.",
    ),
    "unavailable": ProblemType(503, "The database is away, full or too slow.", SEND_AGAIN),
}


def code_of_status(status: int) -> str:
    """Return the usual code of a status; the general code of its class if it has none."""
    usual = "invalid" if status < 500 else "server_error"
    return next((code for code, kind in PROBLEM_TYPES.items() if kind.status == status), usual)
