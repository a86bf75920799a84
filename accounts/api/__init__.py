"""What every view of the API shares, and the API of the account."""
