"""Which IANA zone a calendar means."""
