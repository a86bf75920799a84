"""Metrics in the database, and their growth by the hour."""
