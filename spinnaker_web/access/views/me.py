"""A person's own page: theme and API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from spinnaker_web.access import tokens
from spinnaker_web.access.forms import ThemeForm, TokenForm
from spinnaker_web.access.models import ApiToken, Preference


@require_GET
def me(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    preference, _ = Preference.objects.get_or_create(user=request.user)
    form = ThemeForm(request.POST, instance=preference)
    if not form.is_valid():
        return _page(request, 422, theme_form=form)
    request.session["theme"] = form.save().theme
    return redirect("me")


@require_POST
@never_cache
def make_token(request: HttpRequest) -> HttpResponse:
    """Answers with the page itself, not a redirect: the token is in no session, no message and no URL."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, 422, token_form=form)
    return _page(request, 201, new_token=tokens.make(request.user, form.cleaned_data["name"]))


@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    token.delete()
    messages.success(request, f"Token “{token.name}” no longer opens anything.")
    return redirect("me")


def _page(request: HttpRequest, status: int = 200, **changes: Any) -> HttpResponse:
    context = {
        "theme_form": ThemeForm(initial={"theme": request.session.get("theme", "")}),
        "token_form": TokenForm(),
        "tokens": ApiToken.objects.filter(user=request.user),
        "roles": sorted(request.actor.roles),
        **changes,
    }
    return render(request, "access/me.html", context, status=status)
