"""Who may send a package at all, told by the head of the request: its body is not received from others."""

from __future__ import annotations

import io
from collections.abc import MutableMapping
from typing import Any, cast

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections

from clusters.models import Account
from clusters.trust.permissions import Actor, actor_of
from spinnaker_web.access import session_limits, tokens


def may_upload(scope: MutableMapping[str, Any]) -> bool:
    """WRITE on the account of ?account=, or on any where none is named. The view asks again, knowing which."""
    request = ASGIRequest(scope, io.BytesIO())
    try:
        accounts = Account.objects.writable_by(_actor(request)).enabled()
        named = request.GET.get("account")
        return (accounts.filter(name=named) if named else accounts).exists()
    finally:
        close_old_connections()


def _actor(request: ASGIRequest) -> Actor:
    """By the same means as the middleware: a token on the paths of programs, else the session."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if tokens.is_api(cast(Any, request)) and scheme.lower() == "bearer":
        known = tokens.bearer(token.strip())
        return actor_of(known[0], "api", known[1]) if known else Actor(None, "anonymous")
    return actor_of(session_limits.user_of(request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")))
