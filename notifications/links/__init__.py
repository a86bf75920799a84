"""Signed links, codes and ids in messages, and the page behind a link."""
