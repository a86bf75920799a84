"""The security of an account: its events, the mails about them, and the end of access."""
