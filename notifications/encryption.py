"""Secrets at rest: see `accounts.encryption`. Migrations know the field by this name."""

from accounts.encryption import EncryptedTextField, decrypt, fernet

__all__ = ["EncryptedTextField", "decrypt", "fernet"]
