"""Measures the capacity of this machine with a throw-away FOAM, and estimates what it carries."""
