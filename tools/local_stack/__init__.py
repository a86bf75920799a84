"""FOAM on one machine: PostgreSQL, Redis and FOAM's own processes, under one supervisor.

Runs before Django and knows nothing of it: its children get what they need as environment.
"""
