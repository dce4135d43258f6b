"""All applications a person may see, what needs somebody first; and a new one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from clusters import queries, slots
from clusters.core.looks import UNHEALTHY
from clusters.forms import ApplicationForm
from clusters.models import Kind
from clusters.operations import applications
from clusters.queries.overview import Overview, overview
from clusters.slots import Note
from clusters.trust.requests import Request
from clusters.views.parts import answer, told_in

#: More are behind a link.
MOST_NEEDS = 8

SORTS: dict[str, Callable[[Overview], Any]] = {
    "name": lambda row: row.application.name.lower(),
    "newest": lambda row: -row.newest.created_at.timestamp() if row.newest else 0,
    "trouble": lambda row: (-len(row.unhealthy), row.up - row.wanted, row.application.name.lower()),
}


@require_safe
def home(request: Request) -> HttpResponse:
    return redirect("clusters:applications")


@require_safe
def application_list(request: Request) -> HttpResponse:
    text, sort = request.GET.get("q", "").strip()[:100], request.GET.get("sort", "name")
    rows = sorted(overview(request.actor, text), key=SORTS.get(sort, SORTS["name"]))
    needs = [*chain(*slots.filled("applications.needs", request)), *_unhealthy(rows)]
    shows_all = "all" in request.GET
    context = {
        "rows": rows,
        "needs": needs if shows_all else needs[:MOST_NEEDS],
        "hidden_needs": 0 if shows_all else max(0, len(needs) - MOST_NEEDS),
        "text": text,
        "sort": sort,
        "sorts": [("name", "By name"), ("newest", "Newest deployment first"), ("trouble", "Trouble first")],
        "freshness": list(queries.freshness_for(request.actor, Kind.SERVER_GROUPS)),
    }
    return answer(request, "clusters/application_list.html", context, "clusters/_applications.html")


@require_http_methods(["GET", "HEAD", "POST"])
def application_new(request: Request) -> HttpResponse:
    form = ApplicationForm(request.POST or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        with told_in(form):
            made = applications.create(request.actor, **form.values)
            return redirect("clusters:clusters", made.name)
    return render(request, "clusters/application_new.html", {"form": form}, status=422 if form.errors else 200)


def _unhealthy(rows: list[Overview]) -> list[Note]:
    return [
        Note(
            UNHEALTHY,
            f"{group.name}",
            f"{group.up} of {max(group.desired_size, group.up)} up in {group.account_id}, {group.region}",
            reverse("clusters:server_group", args=[row.application.name, group.account_id, group.region, group.name]),
        )
        for row in rows
        for group in row.unhealthy
    ]
