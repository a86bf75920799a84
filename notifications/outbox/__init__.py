"""The outbox: from a posted message to its recorded outcome."""
