"""Which FOAM this is."""

VERSION = "0.7.0"
