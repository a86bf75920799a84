"""What is done with a channel: test, verify, enable, watch."""
