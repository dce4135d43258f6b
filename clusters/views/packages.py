"""Uploading a package: the form of the images page, and PUT /packages/<name>/<version> for programs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from clusters import queries
from clusters.core.values import InvalidValue, Package
from clusters.forms import PackageForm
from clusters.models import Account
from clusters.operations import packages
from clusters.providers.base import InvalidRequest, NameTaken, ProviderError
from clusters.trust.permissions import WRITE, require
from clusters.trust.requests import Request
from clusters.views.images import page_context
from clusters.views.parts import application_or_404, told_in, writable_accounts

CHUNK_BYTES = 64 * 1024


class TooBig(Exception):
    """More bytes than a package may have."""


@require_POST
def upload(request: Request, application: str) -> HttpResponse:
    row = application_or_404(request, application)
    form = PackageForm(request.POST, request.FILES, actor=request.actor)
    if form.is_valid():
        given = form.cleaned_data
        with told_in(form):
            made = packages.put(request.actor, given["account"], given["name"], given["version"], given["archive"].file)
            messages.success(request, f"{made.name} {made.version} is uploaded. A bake makes an image of it.")
            return redirect("clusters:images", row.name)
    return render(request, "clusters/image_list.html", page_context(request, row, form), status=422)


@require_http_methods(["PUT"])
def package(request: Request, name: str, version: str) -> JsonResponse:
    """201 when it is new, 200 when these very bytes are there, 409 when others are, 422 when it is no package."""
    try:
        account = _account(request)
        is_new = not _is_there(account, name, version)
        with _received(request) as archive:
            made = packages.put(request.actor, account, name, version, archive)
    except TooBig:
        return _problem(413, f"A package may have {settings.PACKAGE_MAX_BYTES} bytes at most.", "archive")
    except NameTaken as error:
        return _problem(409, error.message, error.field or "version")
    except (InvalidRequest, InvalidValue) as error:
        return _problem(422, error.message, error.field)
    except ProviderError as error:
        return _problem(503, error.message, error.field)
    return JsonResponse(_shown(made, account), status=201 if is_new else 200)


def _keeping_accounts(request: Request) -> list[Account]:
    """Where the actor may upload."""
    return [account for account in writable_accounts(request) if queries.provider_of(account).has_packages]


def _account(request: Request) -> str:
    """The account of ?account=, or the only one there is."""
    if given := request.GET.get("account"):
        require(request.actor, WRITE, queries.account_named(given))
        return given
    names = [account.name for account in _keeping_accounts(request)]
    if len(names) == 1:
        return names[0]
    choice = f"Say which account with ?account=, one of {', '.join(names)}." if names else "You may upload nowhere."
    raise InvalidValue("account", choice)


def _is_there(account: str, name: str, version: str) -> bool:
    provider = queries.provider_of(queries.account_named(account))
    return provider.has_packages and any(
        (each.name, each.version) == (name, version) for each in provider.packages.list()
    )


@contextmanager
def _received(request: Request) -> Iterator[BinaryIO]:
    """The body as a file that can be read twice; a big one lies on the disk, never in memory. Raises TooBig."""
    if int(request.headers.get("Content-Length") or 0) > settings.PACKAGE_MAX_BYTES:
        raise TooBig
    with tempfile.SpooledTemporaryFile(max_size=settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as archive:
        size = 0
        while chunk := request.read(CHUNK_BYTES):
            size += len(chunk)
            if size > settings.PACKAGE_MAX_BYTES:  # a body sent in pieces does not say its length before
                raise TooBig
            archive.write(chunk)
        archive.seek(0)
        yield cast(BinaryIO, archive)


def _shown(made: Package, account: str) -> dict[str, Any]:
    return {
        "account": account,
        "name": made.name,
        "version": made.version,
        "sha256": made.sha256,
        "size": made.size,
        "uploaded_at": made.uploaded_at.isoformat(),
    }


def _problem(status: int, message: str, field: str) -> JsonResponse:
    return JsonResponse({"error": message, "field": field}, status=status)
