"""Mail that bounced: reading, matching and recording it."""
