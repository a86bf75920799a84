"""Pages and rules of signing in."""
