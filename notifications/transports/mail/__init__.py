"""E-mail: text, bytes, SMTP."""
