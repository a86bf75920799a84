#!/bin/sh
# Runs once, in a new volume of docker-compose.yml: FOAM's role owns its database and nothing else.
# The superuser loses its password, so that no connection over the network is one of a superuser.
set -eu
# By the variable, which psql reads itself: every user of the machine can read a command line.
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres --quiet <<'END'
\getenv password POSTGRES_PASSWORD
CREATE ROLE foam LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
CREATE DATABASE foam OWNER foam;
REVOKE ALL ON DATABASE foam FROM PUBLIC;
ALTER ROLE postgres PASSWORD NULL;
END
