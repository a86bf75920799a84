"""Programs that FOAM in production never imports."""
