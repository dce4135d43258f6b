"""API tokens: made once, looked up by digest, and the middleware that lets a program in with one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef, Q
from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from clusters.trust import audit
from clusters.trust.permissions import actor_of
from clusters.trust.requests import Request
from spinnaker_web.access.models import ApiToken

#: Where programs come; a token opens nothing else, and errors are JSON.
API_PATHS = ("/packages/", "/api/", "/gate/", "/metrics")
#: What a leaked token looks like to a scanner of repositories.
PREFIX = "spin_"
#: How exact `last_used_at` is; a write for every request would be waste.
LAST_USED_STEP = timedelta(minutes=1)
#: How long a token opens something, unless its user chooses otherwise.
LASTS = timedelta(days=90)

View = Callable[..., HttpResponse]


def is_api(request: Request) -> bool:
    return request.path.startswith(API_PATHS)


@transaction.atomic
def make(user: User, name: str, lasts: timedelta | None = LASTS) -> str:
    """A new token for the user, that ends by itself unless `lasts` is None. The returned text is the only copy."""
    token = PREFIX + secrets.token_urlsafe(32)
    expires_at = timezone.now() + lasts if lasts else None
    made = ApiToken.objects.create(user=user, name=name, digest=_digest(token), expires_at=expires_at)
    until = expires_at.isoformat() if expires_at else None
    audit.record(actor_of(user), "token.make", made, after={"name": name, "expires_at": until})
    return token


@transaction.atomic
def revoke(token: ApiToken) -> None:
    audit.record(actor_of(token.user), "token.revoke", token, before={"name": token.name})
    token.delete()


def bearer(token: str) -> tuple[User, frozenset[str]] | None:
    """(user, names of their roles) who acts with the token.

    None when it is unknown, has expired, or its user is deactivated.
    """
    roles = ArraySubquery(Group.objects.filter(user=OuterRef("user_id")).values("name"))
    now = timezone.now()
    is_valid = Q(expires_at=None) | Q(expires_at__gt=now)
    known = ApiToken.objects.filter(is_valid).select_related("user").annotate(roles=roles)
    try:
        found = known.get(digest=_digest(token), user__is_active=True)
    except ApiToken.DoesNotExist:
        return None
    if found.last_used_at is None or found.last_used_at < now - LAST_USED_STEP:
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return found.user, frozenset(found.roles)


class BearerTokenMiddleware:
    """Behind AuthenticationMiddleware: on API paths a token's user replaces the session's."""

    def __init__(self, get_response: Callable[[Request], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if is_api(request) and scheme.lower() == "bearer":
            known = bearer(token.strip())
            if known is None:
                return _unauthorized("This token is not known, or no longer.")
            request.user, roles = known
            request.actor = actor_of(request.user, "api", roles)
            # No browser adds this header by itself, so there is nothing to forge.
            request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(self, request: Request, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        """A program gets a 401, not the redirect to the sign-in page that people get."""
        if is_api(request) and getattr(view, "login_required", True) and not request.user.is_authenticated:
            return _unauthorized("Send a token: Authorization: Bearer ...")
        return None


def _unauthorized(message: str) -> JsonResponse:
    return JsonResponse({"error": message}, status=401, headers={"WWW-Authenticate": "Bearer"})


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
