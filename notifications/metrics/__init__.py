"""Sums for operators, kept in the database."""
