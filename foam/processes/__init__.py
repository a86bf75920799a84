"""The web server, workers and beat as processes: gunicorn, Celery, heartbeats."""
