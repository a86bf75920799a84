"""Checks of this machine: settings, keys, files, certificates, and its address from outside."""

import os
import ssl
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cryptography.fernet import Fernet
from django.conf import settings
from django.http.request import validate_host

from foam.monitoring.doctor.finding import Check, Finding, fail, ok, warn

SETTINGS, KEYS, HTTPS, FILES, ADDRESS = "settings", "keys", "https", "files", "address"
AUTHORITIES = "authorities"
SHORTEST_SECRET = 50


def look_at_settings(now: datetime) -> Iterator[Finding]:
    if len(settings.SECRET_KEY) < SHORTEST_SECRET or len(set(settings.SECRET_KEY)) < 5:
        yield warn(
            SETTINGS,
            "SECRET_KEY is short: a person who guesses it can sign in as any user.",
            "Set SECRET_KEY to the output of: openssl rand -hex 32. Everybody signs in again.",
        )
    host = urlsplit(settings.FOAM_BASE_URL).hostname or ""
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield fail(
            SETTINGS,
            f"ALLOWED_HOSTS has not {host}, the host of FOAM_BASE_URL: each request gets 400.",
            f"Add {host} to ALLOWED_HOSTS.",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield warn(
            SETTINGS, "ALLOWED_HOSTS takes any name.", f"Set ALLOWED_HOSTS to {host or 'the host'}."
        )
    if settings.SENTRY_DSN and not settings.PRODUCTION:
        yield warn(SETTINGS, "Development reports to Sentry.", "Unset SENTRY_DSN.")
    yield ok(SETTINGS, f"FOAM_ENV is {settings.FOAM_ENV}, at {settings.FOAM_BASE_URL}.")


def look_at_keys(now: datetime) -> Iterator[Finding]:
    for number, key in enumerate(settings.FOAM_ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            yield fail(
                KEYS,
                f"Number {number} of FOAM_ENCRYPTION_KEYS is no Fernet key: no secret can be read.",
                "Put the right key back. A new one: openssl rand -base64 32 | tr '+/' '-_'",
            )
            return
    yield ok(KEYS, f"FOAM_ENCRYPTION_KEYS: {len(settings.FOAM_ENCRYPTION_KEYS)}, well formed.")


def look_at_https(now: datetime) -> Iterator[Finding]:
    parts = urlsplit(settings.FOAM_BASE_URL)
    is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and settings.PRODUCTION and not is_here:
        yield fail(
            HTTPS,
            "FOAM_BASE_URL is http: passwords and tokens go over the network in the clear.",
            "Put a TLS proxy in front and set FOAM_BASE_URL to its https address.",
        )
        return
    if parts.scheme == "https" and not getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        yield warn(
            HTTPS,
            "FOAM_TRUST_PROXY is not set: behind a TLS proxy browsers are redirected in circles.",
            "Set FOAM_TRUST_PROXY=true where a proxy ends TLS and sets X-Forwarded-Proto itself.",
        )
        return
    yield ok(HTTPS, f"{parts.scheme}, as it should be here.")


def look_at_files(now: datetime) -> Iterator[Finding]:
    yield from _static()
    yield from _env_file(settings.BASE_DIR / ".env")
    if settings.FOAM_ALIVE_DIR:
        folder = Path(settings.FOAM_ALIVE_DIR)
        place = folder if folder.exists() else folder.parent
        if not os.access(place, os.W_OK | os.X_OK):
            yield fail(
                FILES,
                "FOAM_ALIVE_DIR cannot be written: probes take every worker for dead.",
                f"Let this user write {place}, or set FOAM_ALIVE_DIR to a folder of its own.",
            )
    for folder in (settings.BASE_DIR, settings.BASE_DIR / "foam"):
        if folder.stat().st_mode & stat.S_IWOTH:
            yield fail(
                FILES,
                f"Anybody on this machine can change {folder}: its code runs as FOAM.",
                f"chmod --recursive o-w {folder}",
            )
    yield ok(FILES, f"FOAM's files are in {settings.BASE_DIR}.")


def _static() -> Iterator[Finding]:
    if not settings.PRODUCTION:
        return
    if not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        yield fail(
            FILES,
            f"{settings.STATIC_ROOT} has no static files: each page of the admin gets 500.",
            "Run: python manage.py collectstatic --noinput",
        )


def _env_file(path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & (stat.S_IROTH | stat.S_IRGRP):
        yield warn(
            FILES, f"{path} holds secrets, and others may read it.", f"Run: chmod 600 {path}"
        )


def look_at_address(now: datetime) -> Iterator[Finding]:
    """Request /healthz at FOAM_BASE_URL, as a user's browser would."""
    url = f"{settings.FOAM_BASE_URL}/healthz"
    try:
        # The scheme is http or https: foam.settings takes no other.
        with urlopen(Request(url), timeout=5) as answer:  # noqa: S310  the operator's own
            is_ours = answer.status == 200 and b'"ok"' in answer.read(100)
    except HTTPError as error:
        yield warn(
            ADDRESS,
            f"{url} answers {error.code}: what is there is not FOAM, or its proxy cannot reach it.",
            "Look at the proxy in front and at FOAM_BASE_URL.",
        )
        return
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        yield warn(
            ADDRESS,
            f"{url} cannot be reached from here: {str(reason)[:150]}",
            "Start the web server. Where only this machine cannot reach it, pay no attention.",
        )
        return
    if is_ours:
        yield ok(ADDRESS, f"{url} answers.")
    else:
        yield warn(ADDRESS, f"{url} answers, but not as FOAM.", "Look at FOAM_BASE_URL.")


def look_at_authorities(now: datetime) -> Iterator[Finding]:
    """Load the file of certificate authorities that is used for mail servers and webhooks."""
    own = os.environ.get("SSL_CERT_FILE", "")
    path = own or ssl.get_default_verify_paths().cafile or ""
    name = f"SSL_CERT_FILE, {own}," if own else f"the system's, {path or 'which is not there'},"
    try:
        ssl.create_default_context(cafile=path or None)
    except OSError as error:
        yield fail(
            AUTHORITIES,
            f"The file of certificate authorities ({name.rstrip(',')}) cannot be read: "
            f"{error.strerror or type(error).__name__}.",
            "Set SSL_CERT_FILE to a PEM file with the system's authorities and your own.",
        )
        return
    yield ok(AUTHORITIES, f"Certificates are judged by {name} for mail, webhooks and chat alike.")


CHECKS = [
    Check(AUTHORITIES, look_at_authorities),
    Check(SETTINGS, look_at_settings),
    Check(KEYS, look_at_keys),
    Check(HTTPS, look_at_https),
    Check(FILES, look_at_files),
    Check(ADDRESS, look_at_address),
]
