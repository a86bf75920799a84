"""Adapters of allauth: sign-up, mails, second factors and the team's OIDC provider."""

import json
import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.httpkit import is_headless_request
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.mail.message import EmailMultiAlternatives
from django.http import HttpRequest
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import email_addresses, encryption
from accounts.models import AccountChange
from accounts.models.account_change import record_account_change
from accounts.models.mail_budget import digest_of, take_mail
from accounts.security import email_change
from accounts.security.person import acting_person
from accounts.security.sign_in_events import record_failed_sign_in
from accounts.sign_in import mail

# Of the links in these mails.
NOT_ME_SALT = "accounts.not_me"

log = logging.getLogger(__name__)

# The field with which a person keeps API tokens and feeds when they change their password.
TOKENS_FIELD, KEEP = "tokens", "keep"


UNKNOWN_ACCOUNT = "account/email/unknown_account"
# The mails that anybody can have sent, to any address.
BY_ANYBODY = {
    UNKNOWN_ACCOUNT,
    "account/email/account_already_exists",
    "account/email/email_confirmation",
    "account/email/email_confirmation_signup",
    "account/email/login_code",
    "account/email/password_reset_code",
    "account/email/password_reset_key",
}


def _has_budget(template_prefix: str, email: str) -> bool:
    """Tell whether the receiver may not have asked for this mail."""
    if template_prefix in BY_ANYBODY:
        return True
    return not EmailAddress.objects.filter(email__iexact=email, verified=True).exists()


def _not_me_url(email: str) -> str:
    token = signing.dumps(digest_of(email), salt=NOT_ME_SALT)
    return settings.FOAM_BASE_URL + reverse("account_not_me", args=[token])


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.FOAM_SIGNUP == "open" and mail.is_set_up()

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failed sign-ins by login alone: a client could vary the host name and port."""
        login: str = credentials.get("email") or credentials.get("username") or ""
        return login.lower()

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            record_failed_sign_in(credentials.get("email") or "", is_locked=True)
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        record_failed_sign_in(credentials.get("email") or "", is_locked=False)

    def set_password(self, user: Any, password: str) -> None:
        """Save a new password, which ends tokens, feeds and other sessions: see User.save.

        Who changes their own may keep the tokens and feeds. A reset ends all.
        """
        request = self.request
        is_change = request.user.is_authenticated and request.user.pk == user.pk
        user.is_password_reset = not is_change
        user.keeps_tokens = is_change and _field(request, TOKENS_FIELD) == KEEP
        super().set_password(user, password)

    def send_confirmation_mail(
        self, request: HttpRequest, emailconfirmation: Any, signup: bool
    ) -> None:
        """Send the code to a new address; of an account that has one, tell the old address first.

        The mail to the old address has a link that stops the change.
        """
        address = emailconfirmation.email_address
        if request.user.is_authenticated and request.user.pk == address.user_id:
            email_change.tell_old_address(request.user, address.email)
        super().send_confirmation_mail(request, emailconfirmation, signup)

    def clean_email(self, email: str) -> str:
        """Check an address by the same rule as the address of a channel."""
        try:
            return email_addresses.clean_email(super().clean_email(email))
        except email_addresses.BadAddress as error:
            raise ValidationError(str(error)) from error

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """Add an HTML version to the mail's text."""
        context = {**context, "base_url": settings.FOAM_BASE_URL}
        message = super().render_mail(template_prefix, email, context, headers)
        heading = message.subject.removeprefix(settings.ACCOUNT_EMAIL_SUBJECT_PREFIX)
        values = {"heading": heading, "text": message.body, "code": context.get("code")}
        assert isinstance(message, EmailMultiAlternatives)  # noqa: S101  for the type checker
        message.attach_alternative(render_to_string("accounts/mail.html", values), "text/html")
        return message

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail, or show an error that does not reveal whether the account exists.

        Nothing is sent beyond the budget of the address, and the answer does not tell.
        """
        if _has_budget(template_prefix, email):
            context = {**context, "not_me_url": _not_me_url(email)}
            wait = take_mail(email, timezone.now(), is_unknown=template_prefix == UNKNOWN_ACCOUNT)
            if wait:
                log.info("%s was not sent: the budget of its address is used up", template_prefix)
                return
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            log.error("%s could not be sent: %s", template_prefix, type(error).__name__)
            if not is_headless_request(self.request):
                text = "No mail could be sent just now. Try again in a while."
                messages.error(self.request, text)


def _field(request: HttpRequest, name: str) -> Any:
    """Return a field of the request's form, or of its JSON object."""
    if request.content_type != "application/json":
        return request.POST.get(name)
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return body.get(name) if isinstance(body, dict) else None


class SessionsAdapter(DefaultUserSessionsAdapter):
    def end_sessions(self, sessions: Any) -> None:
        """End sessions that a person selects, and record how many."""
        ended = list(sessions)
        super().end_sessions(ended)
        if ended:
            with acting_person(ended[0].user_id):
                verb, detail = AccountChange.Verb.ACCESS_ENDED, f"tokens: 0, sessions: {len(ended)}"
                record_account_change(ended[0].user_id, verb, detail=detail)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Stores the secrets of second factors encrypted, as those of channels."""

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.decrypt(encrypted_text)

    def _get_site_name(self) -> str:
        return "FOAM"


class OidcAdapter(DefaultSocialAccountAdapter):
    """Lets in users of the team's OIDC provider with a verified address at an allowed domain."""

    def list_apps(
        self, request: HttpRequest, provider: Any = None, client_id: Any = None
    ) -> list[SocialApp]:
        """Return the apps in the settings, and none from the database."""
        return [
            SocialApp(provider=name, **options["APP"])
            for name, options in settings.SOCIALACCOUNT_PROVIDERS.items()
            if provider in {None, name, options["APP"]["provider_id"]}
            and client_id in {None, options["APP"]["client_id"]}
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse a user without a verified address at an allowed domain, at each sign-in."""
        addresses = sociallogin.email_addresses
        verified = [address.email.lower() for address in addresses if address.verified]
        allowed = settings.FOAM_OIDC_DOMAINS
        if not verified:
            self._refuse(request, "That account has no e-mail address that has been verified.")
        elif allowed and not any(email.rpartition("@")[2] in allowed for email in verified):
            domains = " or ".join(allowed)
            self._refuse(request, f"Only e-mail addresses at {domains} are let in.")

    def _refuse(self, request: HttpRequest, reason: str) -> None:
        page = "socialaccount/authentication_error.html"
        raise ImmediateHttpResponse(render(request, page, {"reason": reason}, status=403))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return settings.FOAM_OIDC_SIGNUP == "open"
