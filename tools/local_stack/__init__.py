"""FOAM on one machine: PostgreSQL, Redis and FOAM's own processes, under one supervisor.

Runs before Django and does not import it: its children get their settings as environment.
"""
