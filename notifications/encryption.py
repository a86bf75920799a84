"""A column that the database only ever sees encrypted."""

from typing import Any

from django.db import models

from accounts.encryption import decrypt, encrypt, fernet

__all__ = ["EncryptedTextField", "decrypt", "fernet"]


class EncryptedTextField(models.TextField):
    """Text that the database only ever sees encrypted; empty stays empty. Not searchable."""

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value
