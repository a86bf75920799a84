"""The API of channels, deliveries and the inbox."""
