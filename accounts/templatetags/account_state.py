"""Template tags for the pages of the account: the state of outgoing mail, and events."""

from django import template
from django.conf import settings

from accounts.audit.actor import Source
from accounts.models import AccountChange
from accounts.models.account_change import VERB_LABELS
from accounts.sign_in import mail

register = template.Library()

# The source of an event; empty for the pages of the account themselves.
FACES: dict[str, str] = {
    Source.FOAM: "by FOAM",
    Source.ADMIN: "in the admin",
    Source.API: "by a program",
    Source.COMMAND: "by those who run FOAM",
    Source.LINK: "by a link in a mail",
}


@register.filter
def event_label(event: AccountChange) -> str:
    return VERB_LABELS.get(event.verb, event.verb)


@register.filter
def event_face(event: AccountChange) -> str:
    return FACES.get(event.face, "")


@register.simple_tag
def mail_is_set_up() -> bool:
    return mail.is_set_up()


@register.simple_tag
def mail_goes_to_the_terminal() -> bool:
    return mail.is_set_up() and not settings.EMAIL_URL
