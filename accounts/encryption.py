"""Encryption of secrets at rest: Fernet, by the newest of `FOAM_ENCRYPTION_KEYS`."""

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.db import models


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    return _fernet(tuple(settings.FOAM_ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    return fernet().encrypt(text.encode()).decode()


class EncryptedTextField(models.TextField):
    """Text that the database stores encrypted, unless it is empty. Not searchable."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value


def decrypt(stored: str) -> str:
    """Decrypt a stored value by any of the keys. Raises InvalidToken."""
    return fernet().decrypt(stored.encode()).decode()
