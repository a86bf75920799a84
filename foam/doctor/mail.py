"""The mail server: connect, TLS and sign in; a letter only to whom one is asked to send it."""

import smtplib
import ssl
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail

from foam.doctor.finding import Check, Finding, fail, ok, warn

MAIL = "mail"
TIMEOUT = 5.0


def look_at_mail(now: datetime) -> Iterator[Finding]:
    if not settings.EMAIL_URL:
        yield warn(
            MAIL,
            "EMAIL_URL is not set: e-mail channels say that e-mail is not set up.",
            "Set EMAIL_URL, such as smtp+tls://user:password@smtp.example.org:587.",
        )
        return
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        yield warn(MAIL, "Mails go to no mail server.", "Set EMAIL_URL to one of smtp+tls://…")
        return
    try:
        yield from _talk()
    except smtplib.SMTPAuthenticationError as error:
        yield fail(
            MAIL,
            f"The mail server refuses the name or password ({error.smtp_code}).",
            "Mend the name and password in EMAIL_URL; percent-encode @, / and #.",
        )
    except smtplib.SMTPNotSupportedError:
        yield fail(
            MAIL, "The mail server offers no STARTTLS.", "Use smtp+ssl:// or smtp:// in EMAIL_URL."
        )
    except ssl.SSLError as error:
        yield fail(
            MAIL,
            f"TLS with the mail server fails: {error.reason or type(error).__name__}.",
            "Its certificate has to be valid for the host in EMAIL_URL; 465 takes smtp+ssl://, "
            "587 smtp+tls://.",
        )
    except (OSError, smtplib.SMTPException) as error:
        yield fail(
            MAIL,
            f"The mail server cannot be used: {type(error).__name__}.",
            "Look at host and port in EMAIL_URL, and at the firewall between.",
        )


def _talk() -> Iterator[Finding]:
    where = (settings.EMAIL_HOST, settings.EMAIL_PORT)
    context = ssl.create_default_context()
    client: smtplib.SMTP
    if settings.EMAIL_USE_SSL:
        client = smtplib.SMTP_SSL(*where, timeout=TIMEOUT, context=context)
    else:
        client = smtplib.SMTP(*where, timeout=TIMEOUT)
    with client:
        if settings.EMAIL_USE_TLS:
            client.starttls(context=context)
        if settings.EMAIL_HOST_USER:
            client.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
        client.noop()
    if not settings.EMAIL_USE_TLS and not settings.EMAIL_USE_SSL and settings.EMAIL_HOST_USER:
        yield warn(
            MAIL,
            "The password for the mail server goes over the network in the clear.",
            "Use smtp+tls:// or smtp+ssl:// in EMAIL_URL.",
        )
        return
    yield ok(MAIL, f"{where[0]}:{where[1]} takes mail from {settings.DEFAULT_FROM_EMAIL}.")


def send_to(address: str) -> Check:
    """Return a check that sends a letter."""

    def look(now: datetime) -> Iterator[Finding]:
        text = "This is a test by `manage.py doctor`. Nothing is to be done."
        try:
            send_mail("FOAM can send mail", text, None, [address])
        except (OSError, smtplib.SMTPException) as error:
            yield fail(
                "letter",
                f"The letter was not accepted: {type(error).__name__}.",
                "Look at the mail server's log; maybe it does not take FOAM_FROM_EMAIL.",
            )
            return
        yield ok("letter", f"The mail server accepted a letter to {address}: did it arrive?")

    return Check("letter", look)


CHECKS = [Check(MAIL, look_at_mail)]
