"""How beat, workers and the web server run."""
