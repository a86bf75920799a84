"""Erasure and export of an account."""
