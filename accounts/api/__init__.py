"""The base of every API view, and the API of the account."""
