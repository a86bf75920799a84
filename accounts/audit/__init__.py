"""Who did what: the current actor, and records of changes."""
