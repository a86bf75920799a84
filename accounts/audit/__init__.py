"""The audit trail: the current actor, and records of changes."""
