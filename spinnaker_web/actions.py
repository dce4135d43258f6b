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
from pipelines.operations import InvalidInput, rehearse_task, run_task
from spinnaker_web.action_forms import ActionForm, ResizeForm, RollbackForm


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing to do; `stage` is the type of the stage that does it."""

    verb: str
    stage: str
    form: type[ActionForm] = ActionForm
    is_risky: bool = False
    #: Whether it is offered for a disabled server group, and for an enabled one.
    when: tuple[bool, ...] = (True, False)


KINDS = {
    "resize": Kind("Resize", "resizeServerGroup", ResizeForm),
    "rollback": Kind("Roll back", "rollbackServerGroup", RollbackForm, when=(False,)),
    "enable": Kind("Enable", "enableServerGroup", when=(True,)),
    "disable": Kind("Disable", "disableServerGroup", when=(False,)),
    "destroy": Kind("Destroy", "destroyServerGroup", is_risky=True),
}


def offered(request: Request, application: Application, group: ServerGroup) -> list[Action]:
    """Fills the slot server_group.actions: what the reader may do to the server group as it is now."""
    if group.is_being_destroyed or not allows(request.actor, EXECUTE, application):
        return []
    if not queries.accounts_for(request.actor).writable_by(request.actor).filter(name=group.account_id).exists():
        return []
    place = application.name, group.account_id, group.region, group.name
    has_siblings = ServerGroup.objects.filter(**_cluster(group)).exclude(pk=group.pk).exists()
    return [
        Action(kind.verb, reverse("server_group_action", args=[*place, key]), kind.is_risky)
        for key, kind in KINDS.items()
        if group.is_disabled in kind.when and (has_siblings or kind.form is not RollbackForm)
    ]


def _cluster(group: ServerGroup) -> dict[str, Any]:
    return {"account_id": group.account_id, "region": group.region, "cluster": group.cluster}


@require_http_methods(["GET", "HEAD", "POST"])
def server_group_action(
    request: Request, application: str, account: str, region: str, name: str, action: str
) -> HttpResponse:
    """GET shows what would happen; POST starts it unless the server group is no longer what the page was made for.

    POSTed `rehearse` shows what would happen with these values.
    """
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
    stage = _stage(kind, home, detail.server_group)
    if request.method != "POST" or not form.is_valid():
        return _page(request, row, detail, kind, form, stage, 422 if form.errors else 200)
    if form.is_outdated:
        return _page(request, row, detail, kind, kind.form(detail=detail, action=action), stage, 409)
    stage |= form.changes
    if "rehearse" in request.POST:
        return _page(request, row, detail, kind, form, stage, 200)
    try:
        execution = run_task(request.actor, row, stage["name"], [stage], form.cleaned_data["reason"])
    except InvalidInput as error:
        form.add_error(None, str(error))
        return _page(request, row, detail, kind, form, stage, 422)
    return redirect("pipelines:execution", execution.ulid)


def _page(
    request: Request,
    application: Application,
    detail: ServerGroupDetail,
    kind: Kind,
    form: ActionForm,
    stage: dict[str, Any],
    status: int,
) -> HttpResponse:
    """With what the stage would do now, as soon as all is known of it."""
    is_known = kind.form is ActionForm or (form.is_bound and form.is_valid())
    context = {
        "application": application,
        "tab": "clusters",
        "detail": detail,
        "group": detail.server_group,
        "kind": kind,
        "form": form,
        "is_outdated": status == 409,
        "rehearsal": rehearse_task(request.actor, application, stage["name"], [stage]) if is_known else None,
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
