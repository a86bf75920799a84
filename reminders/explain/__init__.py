"""Why a reminder did or did not fire."""
