"""What uvicorn serves."""

import os
from concurrent.futures import ThreadPoolExecutor

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from spinnaker_web.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spinnaker_web.settings")

#: Requests answered at once; more wait. Not more than the pool of the database has connections.
THREADS = ThreadPoolExecutor(16, "request")


class Handler(ASGIHandler):
    """Middleware and nearly all views are synchronous: a request is answered in one of few threads and stays there.

    Django's own way makes a thread for each request, and goes back to the event loop between middleware and view and
    around each `process_view`: two milliseconds. Streams are still sent from the event loop.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self._answer, thread_sensitive=False, executor=THREADS)(request)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return self.get_response(request)
        finally:
            close_old_connections()


django.setup(set_prefix=False)
from spinnaker_web.uploads import may_upload  # noqa: E402  it needs models

# Django would make a thread to do this in, for connections that are not in that thread.
for signal in (request_started, request_finished):
    signal.disconnect(close_old_connections)
request_started.disconnect(reset_queries)
application = BodyLimit(
    Handler(), settings.PACKAGE_MAX_BYTES, sync_to_async(may_upload, thread_sensitive=False, executor=THREADS)
)
