"""An application's clusters, filtered by the address, with one server group opened beside them."""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from clusters import queries, slots
from clusters.models import Application, ServerGroup
from clusters.queries import ClusterFilter, ClusterTree
from clusters.slots import Badge
from clusters.trust.requests import Request
from clusters.views.parts import answer, application_or_404
from clusters.views.server_groups import details

#: Parameter of the address -> facet of the tree and its label.
FILTERS = {
    "account": ("accounts", "Account"),
    "region": ("regions", "Region"),
    "stack": ("stacks", "Stack"),
    "detail": ("details", "Detail"),
}
STATES = [("Up", "Up"), ("Down", "Down"), ("Starting", "Starting"), ("OutOfService", "Out of service"),
          ("Unknown", "Unknown"), ("Disabled", "Disabled")]  # fmt: skip


@require_safe
def application(request: Request, application: str) -> HttpResponse:
    return redirect("clusters:clusters", application)


@require_safe
def clusters(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    shown = _filter(request.GET)
    tree = queries.cluster_tree(request.actor, row, shown)
    groups = [
        group
        for node in tree.accounts
        for cluster in node.clusters
        for region in cluster.regions
        for group in region.server_groups
    ]
    context = {
        "application": row,
        "tab": "clusters",
        "tree": tree,
        "totals": {
            "clusters": sum(len(node.clusters) for node in tree.accounts),
            "groups": len(groups),
            "instances": sum(len(group.instances.all()) for group in groups),
        },
        "menus": _menus(tree, request.GET),
        "is_filtered": shown != ClusterFilter(),
        "text": shown.text,
        "badges": _badges(request, row),
        "actions_of_all": list(chain(*slots.filled("clusters.actions", request, row))),
        "freshness": tree.freshness,
        **_opened(request, row),
    }
    return answer(request, "clusters/cluster_list.html", context, "clusters/_clusters.html")


def _filter(given: QueryDict) -> ClusterFilter:
    chosen = {facet: frozenset(given.getlist(name)) - {""} for name, (facet, _) in FILTERS.items()}
    return ClusterFilter(text=given.get("q", "").strip()[:100], states=frozenset(given.getlist("status")), **chosen)


def _menus(tree: ClusterTree, given: QueryDict) -> list[dict[str, Any]]:
    """The filter menus: those that offer a choice, or have one chosen."""
    menus = [
        (name, label, [(value, value) for value in tree.facets[facet]]) for name, (facet, label) in FILTERS.items()
    ]
    menus.append(("status", "Status", STATES))
    return [
        {"name": name, "label": label, "options": options, "chosen": given.getlist(name)}
        for name, label, options in menus
        if len(options) > 1 or given.getlist(name)
    ]


def _badges(request: Request, application: Application) -> dict[str, Badge]:
    found: dict[str, Badge] = {}
    for badges in slots.filled("cluster.badges", request, application):
        found |= badges
    return found


def _opened(request: Request, application: Application) -> dict[str, Any]:
    """`open=account/region/name` in the address; nothing when that server group is gone."""
    place = request.GET.get("open", "").split("/")
    if len(place) != 3:
        return {"opened": ""}
    try:
        return {"opened": request.GET["open"], **details(request, application, *place)}
    except ServerGroup.DoesNotExist:
        return {"opened": "", "is_gone": True}
