"""Signing in and out."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from clusters.trust.permissions import Refused
from clusters.trust.requests import Request
from spinnaker_web.access import throttle
from spinnaker_web.access.forms import SignInForm
from spinnaker_web.access.models import Preference

WRONG = "This name and this password do not belong together."
TOO_MANY = "Too many tries. Wait a minute, then try again."


@sensitive_post_parameters()
@never_cache
@login_not_required
def log_in(request: Request) -> HttpResponse:
    to = _destination(request)
    if request.user.is_authenticated and request.method == "GET":
        return HttpResponseRedirect(to)
    if request.method != "POST":
        return _page(request, SignInForm(), to)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form, to, 422)
    name = form.cleaned_data["username"]
    this_try = throttle.begin(name, request)
    if this_try is None:
        form.add_error(None, TOO_MANY)
        return _page(request, form, to, 429)
    user = authenticate(request, username=name, password=form.cleaned_data["password"])
    if user is None:
        form.add_error(None, WRONG)
        return _page(request, form, to, 422)
    this_try.succeeded()
    login(request, user)
    # Kept in the session, which every page reads anyway.
    request.session["theme"] = Preference.objects.filter(user=user).values_list("theme", flat=True).first() or ""
    response = HttpResponseRedirect(to)
    throttle.remember(name, response)
    return response


@login_not_required
def log_in_to_administration(request: Request) -> HttpResponse:
    """Who is signed in and sent here all the same may not go in; sent back they would go round in a circle."""
    if request.method == "GET" and request.user.is_authenticated and not request.user.is_staff:
        raise Refused(f"{request.user.get_username()} is not among the administrators.")
    return log_in(request)


@login_not_required
@require_POST
def log_out(request: Request) -> HttpResponse:
    logout(request)
    return redirect("login")


def _destination(request: Request) -> str:
    """Where to go afterwards; never to another site."""
    to = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(to, {request.get_host()}, require_https=request.is_secure())
    return to if is_ours else resolve_url("/")


def _page(request: Request, form: SignInForm, to: str, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "next": to}
    return render(request, "access/login.html", context, status=status)
