"""What a tick does, and what runs beside it."""
