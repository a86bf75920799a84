"""The way back from a change of an account's e-mail address: a link in a mail to the old one.

The link is good for three days, before the change as after it. An earlier link prevails over a
later one: a thief who changes the address twice cannot lock out its first owner.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts import email_verification
from accounts.audit.actor import Actor, Source, acting_as
from accounts.audit.records import Diff, shorten_text
from accounts.models import AccountChange, User
from accounts.models.account_change import record_account_change
from accounts.security.access import end_access
from accounts.security.person import acting_person
from accounts.sign_in import mail

SALT = "accounts.email_change"
LINK_AGE = timedelta(days=3)
TEXT = """\
Somebody, perhaps you, asked to change the e-mail address of your account from {old} to {new}.

Was it you? Then there is nothing to do. If not, stop it with this link, which is good for three \
days, also after the change:
{link}

It puts this address back, ends all sessions, API tokens and calendar addresses, and takes away \
the password. You then choose a new one by a code that we send here.

FOAM, {base}"""


class UnusableStopLink(Exception):
    """A link that stops nothing; the text is for people."""


class AddressChange(NamedTuple):
    """The content of a link: the account, its old and new address, and the time of the request."""

    user_id: int
    old: str
    new: str
    asked_at: str


def tell_old_address(user: User, new: str) -> None:
    """Mail the present address of an account that its change was asked for, with the link."""
    old = EmailAddress.objects.get_primary_email(user)
    if not old or old.lower() == new.lower():
        return
    stop = AddressChange(user.pk, old, new, stamp(timezone.now()))
    link = settings.FOAM_BASE_URL + reverse("account_email_stop", args=[token_of(stop)])
    text = TEXT.format(old=old, new=new, link=link, base=settings.FOAM_BASE_URL)
    with acting_person(user.pk):
        diff: Diff = {"email": [shorten_text(old), shorten_text(new)]}
        record_account_change(user.pk, AccountChange.Verb.EMAIL_ASKED, diff=diff)
    mail.send(old, "FOAM: Is your e-mail address to be changed?", text)


def stamp(now: datetime) -> str:
    """Return an instant as text that sorts by time in any collation: seconds of one width."""
    return f"{now.timestamp():.6f}"


def token_of(stop: AddressChange) -> str:
    return signing.dumps(list(stop), salt=SALT)


def read(token: str, now: datetime) -> AddressChange:
    """Return what a link says. Raises UnusableStopLink if it is forged, too old or used."""
    try:
        stop = AddressChange(*signing.loads(token, salt=SALT, max_age=LINK_AGE))
    except signing.SignatureExpired:
        raise UnusableStopLink("This link was good for three days, and is over.") from None
    except (signing.BadSignature, TypeError):
        raise UnusableStopLink("This link is not complete.") from None
    rows = AccountChange.objects.filter(
        account=stop.user_id, verb=AccountChange.Verb.EMAIL_TAKEN_BACK, detail__lte=stop.asked_at
    )
    if rows.exists() or not User.objects.filter(pk=stop.user_id, closed_at=None).exists():
        raise UnusableStopLink("This was stopped already, or the account is closed.")
    return stop


@transaction.atomic
def take_back(stop: AddressChange, now: datetime) -> bool:
    """Put the old address back, and end all access; return whether the address was free.

    1. Restore the address, unless it belongs to another account by now.
    2. Take away the password: who asked for the change knew it. This ends sessions and tokens.
    3. Record it, so that this link and later ones are good no more.
    """
    with acting_as(Actor(Source.LINK.value)):
        user = User.objects.select_for_update(no_key=True).get(pk=stop.user_id)
        is_free = not User.objects.filter(email__iexact=stop.old).exclude(pk=user.pk).exists()
        if is_free:
            user.email = stop.old
        user.set_unusable_password()
        user.save()
        end_access(user, now)
        if is_free:
            email_verification.mark_email_verified(user)
        verb = AccountChange.Verb.EMAIL_TAKEN_BACK
        record_account_change(user.pk, verb, detail=stop.asked_at)
    return is_free
