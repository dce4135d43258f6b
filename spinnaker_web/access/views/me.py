"""A person's own page: theme and API tokens."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from clusters.trust.requests import Request
from spinnaker_web.access import tokens
from spinnaker_web.access.forms import ThemeForm, TokenForm
from spinnaker_web.access.models import ApiToken, Preference


@require_GET
def me(request: Request) -> HttpResponse:
    return _page(request)


@require_POST
def theme(request: Request) -> HttpResponse:
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return _page(request, 422, theme_form=form)
    Preference.objects.update_or_create(user=_who(request), defaults=form.cleaned_data)
    request.session.update(form.cleaned_data)
    return redirect("me")


@require_POST
@never_cache
def make_token(request: Request) -> HttpResponse:
    """Answers with the page itself, not a redirect: the token is in no session, no message and no URL."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, 422, token_form=form)
    return _page(request, 201, new_token=tokens.make(_who(request), form.cleaned_data["name"], form.lasts))


@require_POST
def revoke_token(request: Request, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user=_who(request))
    tokens.revoke(token)
    messages.success(request, f"Token “{token.name}” no longer opens anything.")
    return redirect("me")


def _who(request: Request) -> User:
    """Nobody else gets past the middleware."""
    return cast(User, request.user)


def _page(request: Request, status: int = 200, **changes: Any) -> HttpResponse:
    context = {
        "theme_form": ThemeForm(initial={"theme": request.session.get("theme", "")}),
        "token_form": TokenForm(),
        "now": timezone.now(),
        "tokens": ApiToken.objects.filter(user=_who(request)),
        "roles": sorted(request.actor.roles),
        **changes,
    }
    return render(request, "access/me.html", context, status=status)
