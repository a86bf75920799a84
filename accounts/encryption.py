"""Secrets at rest: Fernet, newest key first, older keys still read (`FOAM_ENCRYPTION_KEYS`)."""

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    return _fernet(tuple(settings.FOAM_ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    return fernet().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """Return the text behind a stored value; InvalidToken when no key of ours made it."""
    return fernet().decrypt(stored.encode()).decode()
