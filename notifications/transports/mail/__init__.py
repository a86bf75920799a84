"""E-mail: texts, MIME and SMTP."""
