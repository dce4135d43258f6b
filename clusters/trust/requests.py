"""A request as views get it: what the middleware of the composition root has put on it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from clusters.trust.permissions import Actor


class Request(HttpRequest):
    """For annotations only; nothing makes one."""

    #: In every log line of this request, in its answer and in the audit.
    id: str
    #: Who acts, and how they came.
    actor: Actor
    htmx: HtmxDetails
    #: What was read once and is shown in several places of a page.
    memo: dict[str, Any]
