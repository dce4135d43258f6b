"""An application's own facts, who may do what in it, and its deletion."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from clusters.forms import ApplicationSettingsForm, PermissionsForm
from clusters.models import Application, ServerGroup
from clusters.operations import applications
from clusters.trust.permissions import WRITE, allows
from clusters.trust.requests import Request
from clusters.views.parts import application_or_404, told_in


@require_safe
def settings(request: Request, application: str) -> HttpResponse:
    return _page(request, application_or_404(request, application))


@require_POST
def attributes(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    form = ApplicationSettingsForm(request.POST, application=row)
    if form.is_valid():
        with told_in(form):
            applications.update(request.actor, row, **form.values)
            messages.success(request, "Saved.")
            return redirect("clusters:settings", row.name)
    return _page(request, row, 422, form=form)


@require_POST
def permissions(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    form = PermissionsForm(request.POST, actor=request.actor, application=row)
    if form.is_valid():
        with told_in(form):
            applications.update(request.actor, row, **form.values)
            messages.success(request, "Permissions saved.")
            return redirect("clusters:settings", row.name)
    return _page(request, row, 422, permissions_form=form)


@require_POST
def delete(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    if request.POST.get("name", "").strip() != row.name:
        return _page(request, row, 422, problems=[f"Type {row.name} to delete it."])
    problems: list[str] = []
    with told_in(problems):
        applications.delete(request.actor, row)
        messages.success(request, f"{row.name} is deleted, with its pipelines.")
        return redirect("clusters:applications")
    return _page(request, row, 409, problems=problems)


def _page(request: Request, application: Application, status: int = 200, **changes: Any) -> HttpResponse:
    owner = application.owner_role.name if application.owner_role else ""
    context = {
        "application": application,
        "tab": "settings",
        "form": ApplicationSettingsForm(application=application),
        "permissions_form": PermissionsForm(actor=request.actor, application=application),
        "can_edit": allows(request.actor, WRITE, application),
        "is_owner": request.actor.is_superuser or owner in request.actor.roles,
        "group_count": ServerGroup.objects.filter(application=application.name).count(),
        "problems": [],
        **changes,
    }
    return render(request, "clusters/application_settings.html", context, status=status)
