"""Load balancers of an application: list, one with its targets, create, change, delete."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from clusters import queries
from clusters.core import naming
from clusters.forms import LoadBalancerForm
from clusters.models import Application, Instance, Kind, LoadBalancer, ServerGroup
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


@dataclass(frozen=True, slots=True)
class Target:
    """An instance as its load balancer sees it."""

    instance_id: str
    health: str
    reports: list[dict[str, str]]


@dataclass(slots=True)
class Shown:
    balancer: LoadBalancer
    #: Targets by the server group they belong to.
    groups: list[tuple[ServerGroup, list[Target]]] = field(default_factory=list)
    #: Server groups that name it, with instances or without.
    users: list[ServerGroup] = field(default_factory=list)

    @property
    def up(self) -> int:
        return sum(member["health"] == "Up" for member in self.balancer.members)


@require_safe
def load_balancer_list(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    found = list(queries.load_balancers_for(request.actor, row).order_by("account_id", "region", "name"))
    context = {
        **_frame(request, row),
        "rows": _shown(request, row, found),
        "can_edit": may_change(request, row),
    }
    return answer(request, "clusters/load_balancer_list.html", context, "clusters/_load_balancers.html")


@require_safe
def load_balancer(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    balancer = _find(request, row, account, region, name)
    context = {
        **_frame(request, row),
        "shown": _shown(request, row, [balancer])[0],
        "can_edit": may_change(request, row, account),
    }
    return answer(request, "clusters/load_balancer_detail.html", context, "clusters/_load_balancer.html")


@form_methods
def load_balancer_new(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    require_change(request, row)
    return _edit(request, row, None)


@form_methods
def load_balancer_edit(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    found = _find(request, row, account, region, name)
    require_change(request, row, account)
    return _edit(request, row, found)


@form_methods
def load_balancer_delete(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    balancer = _find(request, row, account, region, name)
    require_change(request, row, account)
    users = queries.server_groups_for(request.actor, row).filter(account_id=account, region=region)
    behind = [group for group in users if name in group.load_balancers]
    context: dict[str, Any] = {**_frame(request, row), "shown": Shown(balancer, users=behind)}
    if request.method == "POST":
        return carry_out("load_balancer.delete", request, row, account, region, name)
    context["rehearsal"] = rehearse("load_balancer.delete", request, row, account, region, name)
    return render(request, "clusters/load_balancer_delete.html", context)


def _edit(request: Request, application: Application, balancer: LoadBalancer | None) -> HttpResponse:
    initial = {"name": application.name}
    form = LoadBalancerForm(request.POST or None, actor=request.actor, existing=balancer, initial=initial)
    rehearsal = None
    if request.method == "POST" and form.is_valid():
        with told_in(form, {"loadBalancerName": "name"}):
            naming.check_load_balancer(form.request.name)
            wish = "load_balancer.upsert", request, application, form.account, form.request
            if "rehearse" not in request.POST:
                return carry_out(*wish)
            rehearsal = rehearse(*wish)
    context = {**_frame(request, application), "form": form, "balancer": balancer, "rehearsal": rehearsal}
    return render(request, "clusters/load_balancer_form.html", context, status=422 if form.errors else 200)


def _find(request: Request, application: Application, account: str, region: str, name: str) -> LoadBalancer:
    with unseen_is_404():
        rows = queries.load_balancers_for(request.actor, application)
        return rows.get(account_id=account, region=region, name=name)


def _frame(request: Request, application: Application) -> dict[str, Any]:
    freshness = list(queries.freshness_for(request.actor, Kind.LOAD_BALANCERS))
    return {"application": application, "tab": "load_balancers", "freshness": freshness}


def _shown(request: Request, application: Application, balancers: list[LoadBalancer]) -> list[Shown]:
    """One query for the server groups behind all of them. Targets of other applications stay out of sight."""
    ids = {member["instance"] for balancer in balancers for member in balancer.members}
    known: dict[str, Instance] = {
        instance.instance_id: instance
        for instance in queries.instances_for(request.actor, application).filter(instance_id__in=ids)
    }
    return [Shown(balancer, _by_group(balancer, known)) for balancer in balancers]


def _by_group(balancer: LoadBalancer, known: dict[str, Instance]) -> list[tuple[ServerGroup, list[Target]]]:
    targets: dict[int, list[Target]] = defaultdict(list)
    groups: dict[int, ServerGroup] = {}
    for member in balancer.members:
        if instance := known.get(member["instance"]):
            group = groups.setdefault(instance.server_group_id, instance.server_group)
            targets[group.pk].append(Target(instance.instance_id, member["health"], [member]))
    return sorted(((groups[pk], found) for pk, found in targets.items()), key=lambda pair: pair[0].name, reverse=True)
