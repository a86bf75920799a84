"""One reminder's plan and words. Pure."""
