"""Checks of the mail server: connection, TLS, login, and its recent refusals.

A mail is sent only by `send_to`.
"""

import os
import smtplib
import ssl
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import OuterRef, Subquery

from foam.monitoring.doctor.finding import Check, Finding, fail, ok, warn
from notifications.models import Attempt, Delivery
from notifications.transports import Fault
from notifications.transports.mail.smtp_replies import fault_of, reply_in

MAIL, REFUSED = "mail", "mail refused"
TIMEOUT = 5.0
# How many waiting mails are read, and how many of these a filter may refuse as spam.
SAMPLE = 500
SPAM = 20


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
            "Its certificate has to be valid for the host in EMAIL_URL, by an authority that this "
            f"machine knows ({_authorities()}); 465 takes smtp+ssl://, 587 smtp+tls://.",
        )
    except (OSError, smtplib.SMTPException) as error:
        yield fail(
            MAIL,
            f"The mail server cannot be used: {type(error).__name__}.",
            "Look at host and port in EMAIL_URL, and at the firewall between.",
        )


def _authorities() -> str:
    """Name the file of authorities, and the setting that changes it."""
    if own := os.environ.get("SSL_CERT_FILE"):
        return f"SSL_CERT_FILE is {own}"
    return f"{ssl.get_default_verify_paths().cafile}; SSL_CERT_FILE names another file"


def _talk() -> Iterator[Finding]:
    where = (settings.EMAIL_HOST, settings.EMAIL_PORT)
    context = ssl.create_default_context()
    name = settings.FOAM_EHLO_NAME or None
    client: smtplib.SMTP
    if settings.EMAIL_USE_SSL:
        client = smtplib.SMTP_SSL(*where, name, timeout=TIMEOUT, context=context)
    else:
        client = smtplib.SMTP(*where, name, timeout=TIMEOUT)
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


def look_at_refusals(now: datetime) -> Iterator[Finding]:
    """Read the waiting mails for refusals that are FOAM's fault, not the recipients'."""
    waiting = Delivery.objects.filter(
        channel__kind="email", next_attempt_at__isnull=False, attempt__gt=0
    ).order_by("next_attempt_at")[:SAMPLE]
    last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number").values("detail")[:1]
    details = waiting.annotate(detail=Subquery(last)).values_list("detail", flat=True)
    replies = [reply for detail in details if detail and (reply := reply_in(detail))]
    is_found = False
    for fault, most, words in (
        (Fault.FOAM, 0, "that FOAM may not send so"),
        (Fault.SPAM, SPAM, "that they are spam"),
    ):
        refused = [reply for reply in replies if fault_of(reply) is fault]
        if len(refused) > most:
            is_found = True
            codes = Counter(" ".join([str(r.code), r.status_text]).strip() for r in refused)
            counts = ", ".join(f"{number} × {code}" for code, number in codes.most_common(3))
            yield warn(
                REFUSED,
                f"The mail server says of {len(refused)} waiting mails {words} ({counts}).",
                "See the reasons: the attempts of these deliveries in the admin. Look at "
                "FOAM_FROM_EMAIL, FOAM_RETURN_PATH, the login in EMAIL_URL, and at SPF and DKIM. "
                "They are tried again; what has died meanwhile: manage.py retry_dead --since …",
            )
    if not is_found:
        yield ok(REFUSED, "The mail server refuses no mail for FOAM's own sake.")


def send_to(address: str) -> Check:
    """Return a check that sends a mail to `address`."""

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


CHECKS = [Check(MAIL, look_at_mail), Check(REFUSED, look_at_refusals)]
