"""A session ends when its person has done nothing for a while, and at the latest after twelve hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user, logout
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.http import HttpRequest, HttpResponse

from clusters.trust.requests import Request

#: When the session began and when its person last did something, in seconds since 1970.
BEGAN, SEEN = "began_at", "seen_at"
#: How exact the latter is; a write for every request would be waste.
STEP_SECONDS = 60


class SessionLimitsMiddleware:
    """Behind AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[Request], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            self._check(request)
        return self.get_response(request)

    def _check(self, request: Request) -> None:
        now, session = time.time(), request.session
        if is_over(session, now):
            logout(request)
            return
        session.setdefault(BEGAN, int(now))
        if SEEN not in session or (_is_by_a_person(request) and now - session[SEEN] > STEP_SECONDS):
            session[SEEN] = int(now)


def is_over(session: Mapping[str, Any] | Any, now: float) -> bool:
    """`session` is the session's data; one that nobody has used yet is not over."""
    idle = settings.SESSION_IDLE_SECONDS
    too_old = now - session.get(BEGAN, now) > settings.SESSION_COOKIE_AGE
    return too_old or bool(idle and now - session.get(SEEN, now) > idle + STEP_SECONDS)


def user_of(session_key: str) -> AbstractUser | AnonymousUser:
    """Whose session it is, where there is no request to ask; nobody's when it is over."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return AnonymousUser() if is_over(request.session, time.time()) else get_user(request)


def _is_by_a_person(request: Request) -> bool:
    """Open pages fetch their parts and the stream by themselves; that would keep a session alive for ever."""
    return request.method == "POST" or not (request.headers.get("HX-Request") or request.path == "/live")
