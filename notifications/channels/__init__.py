"""Actions on a channel: test, verify and enable it, and watch for its failures."""
