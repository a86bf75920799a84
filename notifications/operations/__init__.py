"""Operators' tasks: ledger, retention, retries and key rotation."""
