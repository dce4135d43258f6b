"""What a person may do to a server group by hand: a plan to look at, then an execution that does it.

Cluster pages know these only as entries of a slot; the work is done by the same stage types as in pipelines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from clusters import queries
from clusters.models import Account, Application, ServerGroup
from clusters.queries import ServerGroupDetail
from clusters.slots import Action
from clusters.trust.permissions import EXECUTE, WRITE, allows, require
from clusters.trust.requests import Request
from clusters.views.parts import application_or_404, unseen_is_404
from pipelines.operations import InvalidInput, run_task
from spinnaker_web.action_forms import ActionForm, ResizeForm


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing to do; `stage` is the type of the stage that does it, `steps` what it will do, in order."""

    verb: str
    stage: str
    steps: tuple[str, ...]
    form: type[ActionForm] = ActionForm
    is_risky: bool = False
    #: Whether it is offered for a disabled server group, and for an enabled one.
    when: tuple[bool, ...] = (True, False)


KINDS = {
    "resize": Kind(
        "Resize",
        "resizeServerGroup",
        ("Set its capacity", "Wait until as many instances are there and healthy"),
        ResizeForm,
    ),
    "enable": Kind(
        "Enable",
        "enableServerGroup",
        ("Put its instances back into its load balancers", "Wait until they are healthy"),
        when=(True,),
    ),
    "disable": Kind(
        "Disable",
        "disableServerGroup",
        ("Take its instances out of its load balancers and let connections end", "Leave them running"),
        when=(False,),
    ),
    "destroy": Kind(
        "Destroy",
        "destroyServerGroup",
        ("Disable it", "End it and all its instances for good", "Wait until it is gone"),
        is_risky=True,
    ),
}


def offered(request: Request, application: Application, group: ServerGroup) -> list[Action]:
    """Fills the slot server_group.actions: what the reader may do to the server group as it is now."""
    if group.is_being_destroyed or not allows(request.actor, EXECUTE, application):
        return []
    if not queries.accounts_for(request.actor).writable_by(request.actor).filter(name=group.account_id).exists():
        return []
    place = application.name, group.account_id, group.region, group.name
    return [
        Action(kind.verb, reverse("server_group_action", args=[*place, key]), kind.is_risky)
        for key, kind in KINDS.items()
        if group.is_disabled in kind.when
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def server_group_action(
    request: Request, application: str, account: str, region: str, name: str, action: str
) -> HttpResponse:
    """GET shows the plan, POST starts it, unless the server group is no longer what the plan was made for."""
    kind = KINDS.get(action)
    if kind is None:
        raise Http404
    row = application_or_404(request, application)
    with unseen_is_404():
        detail = queries.server_group_detail(request.actor, row, account, region, name)
        home = queries.accounts_for(request.actor).get(name=account)
    require(request.actor, EXECUTE, row)
    require(request.actor, WRITE, home)
    form = kind.form(request.POST or None, detail=detail, action=action)
    if request.method != "POST" or not form.is_valid():
        return _plan(request, row, detail, kind, form, 422 if form.errors else 200)
    if form.is_outdated:
        return _plan(request, row, detail, kind, kind.form(detail=detail, action=action), 409)
    try:
        stage = _stage(kind, home, detail.server_group) | form.changes
        execution = run_task(request.actor, row, f"{kind.verb} {name}", [stage], form.cleaned_data["reason"])
    except InvalidInput as error:
        form.add_error(None, str(error))
        return _plan(request, row, detail, kind, form, 422)
    return redirect("pipelines:execution", execution.ulid)


def _plan(
    request: Request, application: Application, detail: ServerGroupDetail, kind: Kind, form: ActionForm, status: int
) -> HttpResponse:
    context = {
        "application": application,
        "tab": "clusters",
        "detail": detail,
        "group": detail.server_group,
        "kind": kind,
        "form": form,
        "is_outdated": status == 409,
    }
    return render(request, "clusters/server_group_action.html", context, status=status)


def _stage(kind: Kind, account: Account, group: ServerGroup) -> dict[str, Any]:
    return {
        "type": kind.stage,
        "name": f"{kind.verb} {group.name}",
        "refId": "1",
        "requisiteStageRefIds": [],
        "credentials": account.name,
        "cloudProvider": account.provider,
        "regions": [group.region],
        "serverGroupName": group.name,
        "cluster": group.cluster,
        "moniker": {"app": group.application, "stack": group.stack, "detail": group.detail, "cluster": group.cluster},
    }
