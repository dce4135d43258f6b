"""One server group: a page of its own, or the drawer beside the clusters."""

from __future__ import annotations

import json
from itertools import chain
from operator import attrgetter
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from clusters import queries, slots
from clusters.core.scaling import Scaling
from clusters.core.scaling_words import action_words, policy_words
from clusters.models import Application, ServerGroup
from clusters.trust.requests import Request
from clusters.views.parts import answer, application_or_404, unseen_is_404


@require_safe
def server_group(request: Request, application: str, account: str, region: str, name: str) -> HttpResponse:
    row = application_or_404(request, application)
    with unseen_is_404():
        context = details(request, row, account, region, name)
    context |= {"application": row, "tab": "clusters", "freshness": list(queries.freshness_for(request.actor))}
    return answer(request, "clusters/server_group_detail.html", context, "clusters/_server_group.html")


def details(request: Request, application: Application, account: str, region: str, name: str) -> dict[str, Any]:
    """What the fragment _server_group.html needs. Raises ServerGroup.DoesNotExist."""
    detail = queries.server_group_detail(request.actor, application, account, region, name)
    group = detail.server_group
    return {
        "detail": detail,
        "group": group,
        "scaling": _scaling(group),
        "actions": sorted(
            chain(*slots.filled("server_group.actions", request, application, group)),
            key=attrgetter("is_risky"),
        ),
        "recent": list(chain(*slots.filled("server_group.recent", request, application, group))),
    }


def _scaling(group: ServerGroup) -> dict[str, Any]:
    """{} when nothing changes its size by itself; else lines of (name, words), and all of it as it is kept."""
    if not group.scaling:
        return {}
    scaling = Scaling.from_json(group.scaling)
    return {
        "policies": [(policy.name, policy_words(policy)) for policy in scaling.policies],
        "actions": [(action.name, action_words(action)) for action in scaling.actions],
        "unread": scaling.unread,
        "raw": json.dumps(group.scaling, indent=2, sort_keys=True),
    }
