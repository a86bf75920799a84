"""What operators run: ledger, retention, retries, key rotation."""
