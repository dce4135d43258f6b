"""Images and uploaded packages of an application, and where each image runs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from clusters import queries
from clusters.core.values import InvalidValue, Package
from clusters.forms import PackageForm
from clusters.models import Account, Application, Image, Kind, ServerGroup
from clusters.providers.base import ProviderError
from clusters.trust.requests import Request
from clusters.views.parts import answer, application_or_404, writable_accounts

#: Of each list; older ones are found by their name.
MOST = 50

Packages = list[tuple[Account, list[Package]]]


@require_safe
def images(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    context = page_context(request, row)
    return answer(request, "clusters/image_list.html", context, "clusters/_images.html")


def page_context(request: Request, application: Application, form: PackageForm | None = None) -> dict[str, Any]:
    """Also for the upload's view, which shows this page again when something is wrong."""
    text, shows_all = request.GET.get("q", "").strip()[:100], "all" in request.GET
    groups = list(queries.server_groups_for(request.actor, application))
    packages, problem = _packages(request)
    mine = {application.name, *(group.package for group in groups if group.package)}
    found = queries.images_for(request.actor)
    if text:
        found = found.filter(name__icontains=text)
    elif not shows_all:
        found = found.filter(package__in=mine)
    return {
        "application": application,
        "tab": "images",
        "freshness": list(queries.freshness_for(request.actor, Kind.IMAGES, Kind.SERVER_GROUPS)),
        "rows": _with_groups(found[:MOST], groups),
        "packages": [
            (account, package) for account, each in packages for package in each if shows_all or package.name in mine
        ][:MOST],
        "package_problem": problem,
        "form": form or _upload_form(request, application, packages),
        "text": text,
        "shows_all": shows_all,
    }


def _upload_form(request: Request, application: Application, packages: Packages) -> PackageForm | None:
    """None for somebody who may upload nowhere."""
    writable = set(writable_accounts(request).values_list("name", flat=True))
    keeping = [account.name for account, _ in packages if account.name in writable]
    initial = {"name": application.name, "account": keeping[0]} if keeping else {}
    return PackageForm(actor=request.actor, initial=initial) if keeping else None


def _packages(request: Request) -> tuple[Packages, str]:
    """(packages by account, why they cannot be shown)."""
    try:
        return queries.packages_for(request.actor), ""
    except (ProviderError, InvalidValue) as error:
        return [], error.message


def _with_groups(images: Any, groups: list[ServerGroup]) -> list[tuple[Image, list[ServerGroup]]]:
    running: dict[tuple[str, str, str], list[ServerGroup]] = defaultdict(list)
    for group in groups:
        running[group.account_id, group.region, group.image_id].append(group)
    return [(image, running[image.account_id, image.region, image.image_id]) for image in images]
