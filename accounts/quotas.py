"""The quotas of a user, checked where rows are stored: for API, admin, links and commands alike.

Few rows are counted when one is added, under the lock of the user. Reminders and their words may be
a million rows, so `accounts_usage` has a counter for them. It only grows: a deletion does not
subtract, so that no other statement waits for its row. When it reaches a limit, the exact use is
read from the tables and stored; the user is refused only if that exceeds the limit as well.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from accounts.models import ApiToken, Pause, User, UserQuota
from accounts.quota_list import BY_NAME, COUNTED, QUOTAS

# What rows add to the counted quotas, by name.
Cost = Mapping[str, int]
# Return the exact use of quotas by a user, by name; filled by the apps above: see foam.hooks.
counters: list[Callable[[int], dict[str, int]]] = []
# The use by users in a dry run; None outside of one.
_trial: ContextVar[dict[int, dict[str, int]] | None] = ContextVar("quota_trial", default=None)

# A statement of the same user waits for this row until the transaction ends, so that two cannot
# both take the last place.
ADD = f"""
INSERT INTO accounts_usage AS u (user_id, {", ".join(COUNTED)})
VALUES (%(user)s, {", ".join(f"%({name})s" for name in COUNTED)})
ON CONFLICT (user_id) DO UPDATE SET {", ".join(f"{n} = u.{n} + EXCLUDED.{n}" for n in COUNTED)}
RETURNING {", ".join(COUNTED)},
    (SELECT jsonb_object_agg(name, value) FROM accounts_quota WHERE user_id = %(user)s), xmax = 0
"""  # noqa: S608 - of fixed names
# An edit has locked its reminder. It must not wait for a batch that holds the counter and waits for
# the reminder, so it then adds nothing; the next exact count has it.
ADD_UNLESS_LOCKED = f"""
UPDATE accounts_usage SET {", ".join(f"{name} = {name} + %({name})s" for name in COUNTED)}
WHERE user_id = (SELECT user_id FROM accounts_usage WHERE user_id = %(user)s FOR UPDATE SKIP LOCKED)
RETURNING {", ".join(COUNTED)},
    (SELECT jsonb_object_agg(name, value) FROM accounts_quota WHERE user_id = %(user)s), false
"""  # noqa: S608 - of fixed names
SET = f"""
UPDATE accounts_usage SET {", ".join(f"{name} = %({name})s" for name in COUNTED)}
WHERE user_id = %(user)s
"""  # noqa: S608 - of fixed names


class QuotaExceeded(ValidationError):
    """A user has used a quota up. The sentence names it, its value and the remedy."""

    def __init__(self, name: str, limit: int, field: str | None = None) -> None:
        quota = BY_NAME[name]
        error = ValidationError(
            f"There are {limit:,} {quota.unit} already, which is your limit (quota {name}): "
            f"{quota.remedy}, or ask an administrator of this FOAM for more.",
            code="quota",
        )
        super().__init__({field: error} if field else error, code="quota")


def limit_of(user_id: int, name: str) -> int:
    """Return the limit of a user: its own value, or else the setting."""
    own = UserQuota.objects.filter(user=user_id, name=name).values_list("value", flat=True).first()
    return settings.FOAM_QUOTAS[name] if own is None else own


def check_rows(user_id: int, name: str, rows: Any, *, field: str | None = None) -> None:
    """Raise QuotaExceeded unless one more row may be added to these, which are few.

    Locks the user until the transaction ends, so that two requests cannot both add the last row.
    """
    User.objects.select_for_update(no_key=True).get(pk=user_id)
    limit = limit_of(user_id, name)
    if rows.count() >= limit:
        raise QuotaExceeded(name, limit, field)


def check_new_pause(user_id: int) -> None:
    check_rows(user_id, "pauses", Pause.objects.filter(owner=user_id))


def take(user_id: int, costs: Sequence[Cost]) -> list[QuotaExceeded | None]:
    """Add the costs of new rows to the user's counters, within the caller's transaction.

    Return for each row None, or the error of the quota that it exceeds: such a row is not counted.
    """
    trial = _trial.get()
    if trial is not None:
        use = trial.get(user_id) or _exact(user_id)
        errors, trial[user_id] = _divide(use, costs, _limits(user_id))
        return errors
    total = {name: sum(cost.get(name, 0) for cost in costs) for name in COUNTED}
    use, limits, is_new = _add(ADD, user_id, total)
    if not is_new and not _exceeded(use, limits, total):
        return [None] * len(costs)
    errors, use = _divide(_exact(user_id), costs, limits)
    _set(user_id, use)
    return errors


@contextmanager
def on_trial() -> Iterator[None]:
    """Check quotas without their counters, whose rows a long dry run would keep locked."""
    reset = _trial.set({})
    try:
        yield
    finally:
        _trial.reset(reset)


def _divide(
    use: dict[str, int], costs: Sequence[Cost], limits: Mapping[str, int]
) -> tuple[list[QuotaExceeded | None], dict[str, int]]:
    """Return for each row None or its error, in their order, and the use with all rows that fit."""
    errors: list[QuotaExceeded | None] = []
    for cost in costs:
        after = _sum(use, cost)
        name = _exceeded(after, limits, cost)
        errors.append(QuotaExceeded(name, limits[name]) if name else None)
        use = use if name else after
    return errors, use


def grow(user_id: int, cost: Cost) -> None:
    """Add the cost of an edit to the user's counters; QuotaExceeded beyond a limit."""
    growth = {name: max(0, cost.get(name, 0)) for name in COUNTED}
    if not any(growth.values()) or _trial.get() is not None:
        return
    use, limits, _ = _add(ADD_UNLESS_LOCKED, user_id, growth)
    if not use or not _exceeded(use, limits, growth):
        return
    use = _sum(_exact(user_id), growth)
    if name := _exceeded(use, limits, growth):
        raise QuotaExceeded(name, limits[name])
    _set(user_id, use)


def use_of(user_id: int) -> dict[str, tuple[int, int]]:
    """Return by name the exact use and the limit of the quotas of a user."""
    tokens = ApiToken.objects.filter(user=user_id).valid(timezone.now())
    use = {
        **_exact(user_id),
        "pauses": Pause.objects.filter(owner=user_id).count(),
        "tokens": tokens.count(),
        "stored_tokens": ApiToken.objects.filter(user=user_id).count(),
        "feeds": tokens.for_calendar().count(),
    }
    limits = _limits(user_id)
    return {
        quota.name: (use[quota.name], limits[quota.name]) for quota in QUOTAS if quota.name in use
    }


def _limits(user_id: int) -> dict[str, int]:
    own = UserQuota.objects.filter(user=user_id).values_list("name", "value")
    return {**settings.FOAM_QUOTAS, **dict(own)}


def _add(sql: str, user_id: int, cost: Cost) -> tuple[dict[str, int], dict[str, int], bool]:
    """Return the use after the addition, {} if nothing was added, the limits, and if it is new."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"user": user_id, **cost})
        row = cursor.fetchone()
    if row is None:
        return {}, {}, False
    *use, own, is_new = row
    own_limits = json.loads(own) if isinstance(own, str) else own or {}
    limits = {**settings.FOAM_QUOTAS, **own_limits}
    return dict(zip(COUNTED, use, strict=True)), limits, is_new


def _set(user_id: int, use: Cost) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET, {"user": user_id, **use})


def _exact(user_id: int) -> dict[str, int]:
    use = dict.fromkeys(COUNTED, 0)
    for counter in counters:
        use |= counter(user_id)
    return use


def _sum(use: Cost, cost: Cost) -> dict[str, int]:
    return {name: use[name] + cost.get(name, 0) for name in COUNTED} | {
        name: value for name, value in use.items() if name not in COUNTED
    }


def _exceeded(use: Cost, limits: Mapping[str, int], cost: Cost) -> str:
    """Return the first quota to which the cost adds and whose limit the use exceeds; or ""."""
    return next((n for n in COUNTED if cost.get(n, 0) and use[n] > limits[n]), "")
