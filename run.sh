#!/bin/sh
# Bring the database up to date, then become the web server. Migrations are applied here and
# never generated; any number of these may start at once.
set -eu
cd "$(dirname "$0")"
python manage.py migrate_once
exec gunicorn --config foam/processes/gunicorn_conf.py foam.wsgi:application
