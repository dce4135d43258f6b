"""One instance: what each source says of its health, and the end of what it printed."""

from __future__ import annotations

from itertools import chain

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from clusters import queries, slots
from clusters.core.values import InvalidValue
from clusters.models import Instance, Kind
from clusters.providers.base import ProviderError
from clusters.trust.requests import Request
from clusters.views.parts import answer, application_or_404, unseen_is_404


@require_safe
def instance(request: Request, application: str, account: str, region: str, name: str, instance: str) -> HttpResponse:
    row = application_or_404(request, application)
    with unseen_is_404():
        found = queries.instance_for(request.actor, row, account, region, instance)
    log, problem = _log(found)
    context = {
        "application": row,
        "tab": "clusters",
        "instance": found,
        "group": found.server_group,
        "actions": list(chain(*slots.filled("instance.actions", request, row, found))),
        "log": log,
        "log_problem": problem,
        "freshness": list(queries.freshness_for(request.actor, Kind.SERVER_GROUPS)),
    }
    return answer(request, "clusters/instance_detail.html", context, "clusters/_instance.html")


def _log(instance: Instance) -> tuple[str, str]:
    """(the log, "") or ("", why there is none): a cloud that does not answer must not take the page with it."""
    try:
        return queries.instance_log(instance), ""
    except (ProviderError, InvalidValue) as error:
        return "", error.message
