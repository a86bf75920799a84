"""Why a message did or did not arrive."""
