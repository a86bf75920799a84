"""Models of users and their security log, API tokens, pauses and idempotency keys."""

from accounts.models.account_change import AccountChange
from accounts.models.idempotency_key import IdempotencyKey
from accounts.models.mail_budget import MailBudget
from accounts.models.pause import Pause
from accounts.models.quota import QuotaUsage, UserQuota
from accounts.models.token import ApiToken, Scope
from accounts.models.user import SYSTEM_USER_ID, User

__all__ = [
    "SYSTEM_USER_ID",
    "AccountChange",
    "ApiToken",
    "IdempotencyKey",
    "MailBudget",
    "Pause",
    "QuotaUsage",
    "Scope",
    "User",
    "UserQuota",
]
