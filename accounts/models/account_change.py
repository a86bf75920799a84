"""The security log of accounts: sign-ins, factors, passwords, tokens, rights, and their actors.

Each row has a line in the log `foam.security`, with ids and a network, never with words.
"""

import logging
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.audit.network import current_network
from accounts.audit.records import AuditRecord, Diff, audit_values

security_log = logging.getLogger("foam.security")


class AccountChange(AuditRecord):
    """One event of an account, written in the transaction that causes it and never updated.

    `network` is that of the request: /24 of IPv4, /64 of IPv6; empty for a command. `detail` has
    no text of the owner's. `diff` has, and is erased when the account is closed.
    """

    class Verb(models.TextChoices):
        CREATED = "created"
        SIGNED_IN = "signed_in"  # `detail` is the way: password, mfa, socialaccount
        SIGN_IN_FAILED = "sign_in_failed"
        LOCKED_OUT = "locked_out"  # after too many failed sign-ins
        SIGNED_OUT = "signed_out"
        REAUTHENTICATED = "reauthenticated"
        FACTOR_ADDED = "factor_added"  # `detail` is its type
        FACTOR_REMOVED = "factor_removed"
        FACTOR_USED = "factor_used"
        FACTOR_FAILED = "factor_failed"
        CODES_MADE = "codes_made"  # recovery codes
        TEAM_ACCOUNT_ADDED = "team_account_added"  # a sign-in by the team's provider
        TEAM_ACCOUNT_REMOVED = "team_account_removed"
        PASSWORD_CHANGED = "password_changed"  # noqa: S105  no password
        PASSWORD_RESET = "password_reset"  # noqa: S105  by a code in a mail
        EMAIL_ASKED = "email_asked"  # `diff` has the old and the new address
        EMAIL_CHANGED = "email_changed"
        EMAIL_TAKEN_BACK = "email_taken_back"  # by the link in the mail to the old address
        EDITED = "edited"  # `detail` names the fields
        RIGHTS_CHANGED = "rights_changed"  # staff, superuser, groups, permissions
        SWITCHED_OFF = "switched_off"
        SWITCHED_ON = "switched_on"
        TOKEN_MADE = "token_made"  # noqa: S105  `detail` has its id and scopes
        TOKEN_CHANGED = "token_changed"  # noqa: S105  its expiry
        TOKEN_REVOKED = "token_revoked"  # noqa: S105  no token
        ACCESS_ENDED = "access_ended"  # tokens, feeds and other sessions, after a new password
        CLOSED = "closed"

    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="account_changes",
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField(db_default=Now())
    verb = models.CharField(max_length=20, choices=Verb)
    detail = models.TextField(blank=True)
    network = models.CharField(max_length=43, blank=True)

    class Meta:
        db_table = "accounts_change"
        indexes = [
            # The recent activity of one account.
            models.Index(fields=["account", "at"], name="accounts_change_of"),
            # Retention.
            models.Index(fields=["at"], name="accounts_change_at"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.verb}"


VERB_LABELS: dict[str, str] = {
    AccountChange.Verb.CREATED: "Account created",
    AccountChange.Verb.SIGNED_IN: "Signed in",
    AccountChange.Verb.SIGN_IN_FAILED: "Wrong password",
    AccountChange.Verb.LOCKED_OUT: "Locked after too many wrong passwords",
    AccountChange.Verb.SIGNED_OUT: "Signed out",
    AccountChange.Verb.REAUTHENTICATED: "Confirmed who it is",
    AccountChange.Verb.FACTOR_ADDED: "Second factor added",
    AccountChange.Verb.FACTOR_REMOVED: "Second factor removed",
    AccountChange.Verb.FACTOR_USED: "Second factor used",
    AccountChange.Verb.FACTOR_FAILED: "Wrong code of a second factor",
    AccountChange.Verb.CODES_MADE: "Recovery codes made",
    AccountChange.Verb.TEAM_ACCOUNT_ADDED: "Team account connected",
    AccountChange.Verb.TEAM_ACCOUNT_REMOVED: "Team account disconnected",
    AccountChange.Verb.PASSWORD_CHANGED: "Password changed",
    AccountChange.Verb.PASSWORD_RESET: "Password reset by mail",
    AccountChange.Verb.EMAIL_ASKED: "Change of the e-mail address asked for",
    AccountChange.Verb.EMAIL_CHANGED: "E-mail address changed",
    AccountChange.Verb.EMAIL_TAKEN_BACK: "Change of the e-mail address stopped",
    AccountChange.Verb.EDITED: "Profile edited",
    AccountChange.Verb.RIGHTS_CHANGED: "Rights changed",
    AccountChange.Verb.SWITCHED_OFF: "Account switched off",
    AccountChange.Verb.SWITCHED_ON: "Account switched on",
    AccountChange.Verb.TOKEN_MADE: "API token made",
    AccountChange.Verb.TOKEN_CHANGED: "Expiry of an API token changed",
    AccountChange.Verb.TOKEN_REVOKED: "API token revoked",
    AccountChange.Verb.ACCESS_ENDED: "Tokens, feeds and other sessions ended",
    AccountChange.Verb.CLOSED: "Account closed",
}


def record_account_change(
    account_id: int,
    verb: AccountChange.Verb,
    detail: str = "",
    diff: Diff | None = None,
) -> None:
    """Record an event of an account by the current actor, in the table and in the log."""
    network = current_network()
    row = AccountChange.objects.create(
        account_id=account_id, verb=verb, network=network, **audit_values(None, detail, diff)
    )
    security_log.info(
        "%s account=%s actor=%s token=%s face=%s network=%s",
        verb.value,
        account_id,
        row.user_id or "-",
        row.token_id or "-",
        row.face,
        network or "-",
    )


def delete_old_account_changes(before: datetime, batch: int) -> int:
    """Delete a batch of the events before an instant; return how many."""
    old = AccountChange.objects.filter(at__lt=before).order_by("at")
    ids = list(old.values_list("pk", flat=True)[:batch])
    return AccountChange.objects.filter(pk__in=ids).delete()[0]
