"""Deploy by hand: a new server group, alone or like another one, by the same stage as in pipelines."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from clusters import queries
from clusters.models import Application, ServerGroup
from clusters.slots import Action
from clusters.trust.requests import Request
from clusters.views.parts import application_or_404, may_change, require_change, unseen_is_404
from pipelines.operations import InvalidInput, rehearse_task, run_task
from spinnaker_web.deploy_form import DeployForm


def offered(request: Request, application: Application) -> list[Action]:
    """Fills the slot clusters.actions."""
    if not may_change(request, application):
        return []
    return [Action("New server group", reverse("deploy", args=[application.name]))]


def offered_like(request: Request, application: Application, group: ServerGroup) -> list[Action]:
    """Fills the slot server_group.actions."""
    if not may_change(request, application, group.account_id):
        return []
    place = f"{group.account_id}/{group.region}/{group.name}"
    return [Action("Deploy like it", f"{reverse('deploy', args=[application.name])}?like={place}")]


@require_http_methods(["GET", "HEAD", "POST"])
def deploy(request: Request, application: str) -> HttpResponse:
    """`?like=<account>/<region>/<name>` fills in another's facts. POSTed `rehearse` only shows what would happen."""
    row = application_or_404(request, application)
    require_change(request, row)
    form = DeployForm(request.POST or None, actor=request.actor, application=row, like=_like(request, row))
    context = {"application": row, "tab": "clusters", "form": form}
    if request.method == "POST" and form.is_valid():
        stage = {"type": "deploy", "name": "Deploy", "refId": "1", "clusters": [form.cluster]}
        try:
            if "rehearse" in request.POST:
                context["rehearsal"] = rehearse_task(request.actor, row, "Deploy by hand", [stage])
                return render(request, "clusters/deploy.html", context)
            execution = run_task(request.actor, row, "Deploy by hand", [stage], form.cleaned_data["reason"])
            return redirect("pipelines:execution", execution.ulid)
        except InvalidInput as error:
            form.add_error(None, str(error))
    return render(request, "clusters/deploy.html", context, status=422 if form.errors else 200)


def _like(request: Request, application: Application) -> ServerGroup | None:
    account, _, rest = request.GET.get("like", "").partition("/")
    region, _, name = rest.partition("/")
    if not name:
        return None
    with unseen_is_404():
        return queries.server_group_detail(request.actor, application, account, region, name).server_group
