"""The mails that FOAM sends to an address whose owner has not confirmed that they want them."""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils.crypto import salted_hmac

from accounts.email_addresses import mailbox_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURLY_LIMIT, DAILY_LIMIT = 3, 10
# Of mails that only tell that there is no account.
DAILY_LIMIT_OF_UNKNOWN = 1
# How long nothing is sent after the receiver has said that it was not them.
REFUSAL = timedelta(days=30)
# Expired rows that one request deletes.
EXPIRED_BATCH_SIZE = 20


class MailBudget(models.Model):
    """The recent mails to one mailbox, over all doors: sign-up, reset, verification of a channel.

    `digest` is a keyed hash of the mailbox: the addresses of strangers are nowhere stored.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    sent_at = ArrayField(models.DateTimeField(), default=list)
    # When the last mail about a missing account was sent.
    unknown_at = models.DateTimeField(null=True)
    # Nothing is sent before: the receiver has pressed *Not me*.
    refused_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="accounts_mailbudget_expires")]

    def __str__(self) -> str:
        return self.digest[:8]

    def _wait(self, now: datetime, is_unknown: bool) -> timedelta:
        """Return how long the mailbox must be left alone; zero if a mail may go now."""
        waits = [timedelta(0)]
        if self.refused_until:
            waits.append(self.refused_until - now)
        if is_unknown and self.unknown_at:
            waits.append(self.unknown_at + DAY - now)
        times = sorted(self.sent_at, reverse=True)
        for limit, window in ((HOURLY_LIMIT, HOUR), (DAILY_LIMIT, DAY)):
            if len(times) >= limit:
                waits.append(times[limit - 1] + window - now)
        return max(waits)


def digest_of(address: str) -> str:
    """Return the keyed hash of the mailbox of an address."""
    salt = "accounts.mail_budget"
    return salted_hmac(salt, mailbox_of(address), algorithm="sha256").hexdigest()


@transaction.atomic
def take_mail(address: str, now: datetime, *, is_unknown: bool = False) -> timedelta:
    """Count a mail to this address, and return zero; or return how long none may be sent.

    The row of the mailbox is locked, so that parallel requests cannot send more together.
    `is_unknown`: the mail only tells that there is no account.
    """
    digest = digest_of(address)
    _delete_expired(now)
    MailBudget.objects.bulk_create(
        [MailBudget(digest=digest, expires_at=now + DAY)], ignore_conflicts=True
    )
    budget = MailBudget.objects.select_for_update().get(pk=digest)
    wait = budget._wait(now, is_unknown)
    if not wait:
        budget.sent_at = [*(time for time in budget.sent_at if time > now - DAY), now]
        if is_unknown:
            budget.unknown_at = now
        budget.expires_at = max(budget.expires_at, now + DAY)
        budget.save()
    return wait


def refuse_mails(digest: str, now: datetime) -> None:
    """Send this mailbox nothing more for a while: its owner has pressed *Not me*."""
    until = now + REFUSAL
    MailBudget.objects.update_or_create(
        digest=digest, defaults={"refused_until": until, "expires_at": until}
    )


def _delete_expired(now: datetime) -> None:
    old = MailBudget.objects.filter(expires_at__lt=now).select_for_update(skip_locked=True)
    digests = list(old.values_list("pk", flat=True)[:EXPIRED_BATCH_SIZE])
    if digests:
        MailBudget.objects.filter(pk__in=digests).delete()
