"""What uvicorn serves."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from spinnaker_web.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spinnaker_web.settings")
application = BodyLimit(get_asgi_application(), settings.PACKAGE_MAX_BYTES)
