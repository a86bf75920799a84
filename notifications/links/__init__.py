"""Signed links, codes and ids in messages, and the page that a link opens."""
