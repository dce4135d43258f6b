"""Firewalls (security groups) of an application: list, one, create, edit rules, delete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from clusters import queries
from clusters.core import naming
from clusters.forms import SecurityGroupForm
from clusters.models import Application, Kind, LoadBalancer, SecurityGroup, ServerGroup
from clusters.trust.requests import Request
from clusters.views.parts import (
    answer,
    application_or_404,
    carry_out,
    may_change,
    rehearse,
    require_change,
    told_in,
    unseen_is_404,
)

form_methods = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(slots=True)
class Shown:
    """With what is behind it, as far as it belongs to the application."""

    firewall: SecurityGroup
    server_groups: list[ServerGroup] = field(default_factory=list)
    load_balancers: list[LoadBalancer] = field(default_factory=list)

    @property
    def uses(self) -> int:
        return len(self.server_groups) + len(self.load_balancers)


@require_safe
def firewall_list(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    found = list(queries.security_groups_for(request.actor, row).order_by("account_id", "region", "name"))
    context = {
        **_frame(request, row),
        "rows": _shown(request, row, found),
        "can_edit": may_change(request, row),
    }
    return answer(request, "clusters/firewall_list.html", context, "clusters/_firewalls.html")


@require_safe
def firewall(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    found = _find(request, row, account, region, name)
    context = {
        **_frame(request, row),
        "shown": _shown(request, row, [found])[0],
        "can_edit": may_change(request, row, account),
    }
    return answer(request, "clusters/firewall_detail.html", context, "clusters/_firewall.html")


@form_methods
def firewall_new(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    require_change(request, row)
    return _edit(request, row, None)


@form_methods
def firewall_edit(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    found = _find(request, row, account, region, name)
    require_change(request, row, account)
    return _edit(request, row, found)


@form_methods
def firewall_delete(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    found = _find(request, row, account, region, name)
    require_change(request, row, account)
    context: dict[str, Any] = {**_frame(request, row), "shown": _shown(request, row, [found])[0]}
    if request.method == "POST":
        return carry_out("security_group.delete", request, row, account, region, name)
    context["rehearsal"] = rehearse("security_group.delete", request, row, account, region, name)
    return render(request, "clusters/firewall_delete.html", context)


def _edit(request: Request, application: Application, firewall: SecurityGroup | None) -> HttpResponse:
    initial = {"name": application.name}
    form = SecurityGroupForm(request.POST or None, actor=request.actor, existing=firewall, initial=initial)
    rehearsal = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        place = form.account, form.region, given["name"]
        with told_in(form):
            naming.parse_or_raise(given["name"])
            wish = "security_group.upsert", request, application, *place, given["rules"], given["description"]
            if "rehearse" not in request.POST:
                return carry_out(*wish)
            rehearsal = rehearse(*wish)
    context = {**_frame(request, application), "form": form, "firewall": firewall, "rehearsal": rehearsal}
    return render(request, "clusters/firewall_form.html", context, status=422 if form.errors else 200)


def _find(request: Request, application: Application, account: str, region: str, name: str) -> SecurityGroup:
    with unseen_is_404():
        rows = queries.security_groups_for(request.actor, application)
        return rows.get(account_id=account, region=region, name=name)


def _frame(request: Request, application: Application) -> dict[str, Any]:
    freshness = list(queries.freshness_for(request.actor, Kind.SECURITY_GROUPS))
    return {"application": application, "tab": "firewalls", "freshness": freshness}


def _shown(request: Request, application: Application, firewalls: list[SecurityGroup]) -> list[Shown]:
    groups = list(queries.server_groups_for(request.actor, application))
    balancers = list(queries.load_balancers_for(request.actor, application))
    return [Shown(row, _behind(row, groups), _behind(row, balancers)) for row in firewalls]


def _behind(firewall: SecurityGroup, rows: list[Any]) -> list[Any]:
    return [
        row
        for row in rows
        if (row.account_id, row.region) == (firewall.account_id, firewall.region)
        and firewall.group_id in row.security_groups
    ]
