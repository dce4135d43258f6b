"""Deny by default: every view asks for a signed-in user unless it is marked otherwise."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest
from django_htmx.http import HttpResponseClientRefresh


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        # A redirect would put the sign-in page inside the fragment; the page as a whole has to go there.
        if request.headers.get("HX-Request"):
            return HttpResponseClientRefresh()
        return super().handle_no_permission(request, view_func)
