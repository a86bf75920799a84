"""Template tags for the sign-in pages: the state of outgoing mail."""

from django import template
from django.conf import settings

from accounts.sign_in import mail

register = template.Library()


@register.simple_tag
def mail_is_set_up() -> bool:
    return mail.is_set_up()


@register.simple_tag
def mail_goes_to_the_terminal() -> bool:
    return mail.is_set_up() and not settings.EMAIL_URL
