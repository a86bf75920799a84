"""Whether FOAM works: health, metrics, dashboard, doctor."""
