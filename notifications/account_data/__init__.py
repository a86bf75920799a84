"""Erasure and export of a user's channels and messages."""
