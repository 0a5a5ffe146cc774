"""The watchlist in Django, as its tutorial writes it. The site itself is in `django_site`."""

import os

# Before the imports, because Django reads its settings then.
os.environ["DJANGO_SETTINGS_MODULE"] = "apps.django_site.settings"

from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

app = get_wsgi_application()
hash_password = make_password


def create_tables():
    call_command("migrate", run_syncdb=True, verbosity=0)
