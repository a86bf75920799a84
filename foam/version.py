"""The version of FOAM; pyproject.toml has the same."""

VERSION = "0.7.0"
