"""What staff ask: the ledger, clock changes, what leads to a channel."""
