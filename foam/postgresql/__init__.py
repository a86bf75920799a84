"""Django's backend for PostgreSQL, with connections that notice a server that does not answer."""
