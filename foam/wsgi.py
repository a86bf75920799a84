import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from foam.postgresql import limits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foam.settings")
# gunicorn gives up when a worker exits with this code.
CANNOT_START = 3

limits.serve()
try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    print(f"Not set up: {error}", file=sys.stderr, flush=True)
    sys.exit(CANNOT_START)
