"""Reports for staff: the ledger, clock changes, and the paths to a channel."""
