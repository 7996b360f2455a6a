"""Settings of the example project; the last two are all that platen_client needs."""

import os
import tempfile
from pathlib import Path

from django.core.management.utils import get_random_secret_key

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or get_random_secret_key()
INSTALLED_APPS = ["marking"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE_PATH") or Path(tempfile.gettempdir()) / "platen-django-example.sqlite3",
    }
}

# Where Platen is, and its service token: the same value as PDF_SERVICE_INTERNAL_TOKEN there.
PLATEN_URL = os.environ.get("PLATEN_URL", "http://localhost:8080")
PLATEN_SERVICE_TOKEN = os.environ.get("PLATEN_SERVICE_TOKEN", "")
