"""Clauses of a sentence, one kind a module."""
