"""The web server's entry."""

import gc

from django.core.wsgi import get_wsgi_application

from portal.start import read_settings, say_what_the_database_allows, warn_of_settings

read_settings()
application = get_wsgi_application()
warn_of_settings()
say_what_the_database_allows()
# What is loaded now lives as long as the process: keep it out of every later collection.
gc.collect()
gc.freeze()
