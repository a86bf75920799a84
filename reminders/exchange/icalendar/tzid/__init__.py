"""TZID: the IANA zone that a calendar means by it."""
