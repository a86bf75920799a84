"""Explains why a message did or did not arrive."""
