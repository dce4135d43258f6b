"""What a person may do to one instance by hand: a plan to look at, then an execution that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from clusters import queries
from clusters.core.values import Health
from clusters.models import Application, Instance, ServerGroup
from clusters.slots import Action
from clusters.trust.permissions import EXECUTE, WRITE, allows, require
from clusters.trust.requests import Request
from clusters.views.parts import application_or_404, unseen_is_404
from pipelines.operations import rehearse_task, run_task


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing to do; `stage` is the type of the stage that does it."""

    verb: str
    stage: str
    is_risky: bool = False
    #: It is about load balancers, and offered where one of them says one of these of the instance.
    healths: frozenset[str] = frozenset()
    takes_traffic: bool = False


KINDS = {
    "reboot": Kind("Reboot", "rebootInstances"),
    "register": Kind(
        "Register",
        "registerInstancesWithLoadBalancer",
        healths=frozenset({Health.OUT_OF_SERVICE, Health.DRAINING}),
    ),
    "deregister": Kind(
        "Deregister",
        "deregisterInstancesFromLoadBalancer",
        healths=frozenset({Health.UP, Health.STARTING, Health.DOWN}),
        takes_traffic=True,
    ),
    "terminate": Kind("Terminate", "terminateInstances", is_risky=True, takes_traffic=True),
}


class InstanceForm(forms.Form):
    """Which load balancers, why, and that what takes the last healthy instance away is meant."""

    load_balancers = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple)
    reason = forms.CharField(required=False, max_length=500, help_text="Seen by everybody in the history.")
    is_sure = forms.BooleanField(label="Nothing of this cluster serves here until it is back, and that is meant.")

    def __init__(self, *args: Any, kind: Kind, instance: Instance, is_last: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_last = is_last and kind.takes_traffic
        names = instance.server_group.load_balancers
        if kind.healths:
            self.fields["load_balancers"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
            self.initial["load_balancers"] = names
        else:
            del self.fields["load_balancers"]
        if not self.is_last:
            del self.fields["is_sure"]


def offered(request: Request, application: Application, instance: Instance) -> list[Action]:
    """Fills the slot instance.actions: what the reader may do to the instance as it is now."""
    group = instance.server_group
    if group.is_being_destroyed or not allows(request.actor, EXECUTE, application):
        return []
    if not queries.accounts_for(request.actor).writable_by(request.actor).filter(name=group.account_id).exists():
        return []
    place = application.name, group.account_id, group.region, group.name, instance.instance_id
    said = {report["health"] for report in instance.reports if report["source"] == "LoadBalancer"}
    return [
        Action(kind.verb, reverse("instance_action", args=[*place, key]), kind.is_risky)
        for key, kind in KINDS.items()
        if not kind.healths or kind.healths & said
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def instance_action(
    request: Request, application: str, account: str, region: str, name: str, instance: str, action: str
) -> HttpResponse:
    """GET shows the plan, POST starts it."""
    kind = KINDS.get(action)
    if kind is None:
        raise Http404
    row = application_or_404(request, application)
    with unseen_is_404():
        found = queries.instance_for(request.actor, row, account, region, instance)
        detail = queries.server_group_detail(request.actor, row, account, region, found.server_group.name)
        home = queries.accounts_for(request.actor).get(name=account)
    require(request.actor, EXECUTE, row)
    require(request.actor, WRITE, home)
    group = detail.server_group
    is_last = detail.is_last_enabled and group.up == 1 and found.health == Health.UP
    given = request.POST if request.method == "POST" else None  # which may well be empty
    form = InstanceForm(given, kind=kind, instance=found, is_last=is_last)
    stage = _stage(kind, home.provider, group, found)
    if request.method == "POST" and form.is_valid():
        if kind.healths:
            stage["loadBalancerNames"] = form.cleaned_data["load_balancers"]
        execution = run_task(request.actor, row, stage["name"], [stage], form.cleaned_data["reason"])
        return redirect("pipelines:execution", execution.ulid)
    context = {
        "application": row,
        "tab": "clusters",
        "group": group,
        "instance": found,
        "kind": kind,
        "form": form,
        "rehearsal": rehearse_task(request.actor, row, stage["name"], [stage]),
    }
    return render(request, "clusters/instance_action.html", context, status=422 if form.errors else 200)


def _stage(kind: Kind, provider: str, group: ServerGroup, instance: Instance) -> dict[str, Any]:
    """About all its load balancers, where it is about such."""
    return {
        "type": kind.stage,
        "name": f"{kind.verb} {instance.instance_id}",
        "refId": "1",
        "credentials": group.account_id,
        "cloudProvider": provider,
        "region": group.region,
        "serverGroupName": group.name,
        "instanceIds": [instance.instance_id],
        **({"loadBalancerNames": group.load_balancers} if kind.healths else {}),
    }
