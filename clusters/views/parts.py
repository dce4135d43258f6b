"""What the views share: one address answers with the page or the part htmx asks for, and what is unseen is a 404."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from clusters import queries, slots
from clusters.core.values import InvalidValue
from clusters.models import Application
from clusters.models.account import AccountQuerySet
from clusters.operations import InvalidInput
from clusters.providers.base import ProviderError
from clusters.trust.permissions import EXECUTE, Refused, allows, require
from clusters.trust.requests import Request


def answer(request: Request, page: str, context: dict[str, Any], part: str = "", status: int = 200) -> HttpResponse:
    """`part` is the template of the fragment; the page includes it, so the two cannot drift apart."""
    is_part = bool(part) and bool(request.htmx) and not request.htmx.history_restore_request
    response = render(request, part if is_part else page, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


@contextmanager
def unseen_is_404() -> Iterator[None]:
    try:
        yield
    except ObjectDoesNotExist as error:
        raise Http404(str(error)) from error


def application_or_404(request: Request, name: str) -> Application:
    with unseen_is_404():
        return queries.application_for(request.actor, name)


def writable_accounts(request: Request) -> AccountQuerySet:
    """Accounts in use that the actor may deploy into."""
    return queries.accounts_for(request.actor).enabled().writable_by(request.actor)


def may_change(request: Request, application: Application, account: str = "") -> bool:
    """Whether the actor may change what belongs to the application in the account, or in any when none is named.

    Nobody may while nothing here carries changes out.
    """
    carried_out = bool(slots.SLOTS["load_balancer.upsert"])
    return carried_out and _is_writable(request, account) and allows(request.actor, EXECUTE, application)


def require_change(request: Request, application: Application, account: str = "") -> None:
    """Raises Refused unless the actor may; what the operation behind the page asks for."""
    require(request.actor, EXECUTE, application)
    if not _is_writable(request, account):
        raise Refused(f"{request.actor.username} lacks WRITE on {f'account {account}' if account else 'any account'}.")


def _is_writable(request: Request, account: str) -> bool:
    accounts = writable_accounts(request)
    return (accounts.filter(name=account) if account else accounts).exists()


def carry_out(slot: str, request: Request, *args: Any) -> HttpResponse:
    """Hand a change over to who runs such changes, and go where it can be followed. Refused when there is nobody."""
    for address in slots.filled(slot, request, *args):
        return redirect(address)
    raise Refused("Nothing here carries this out.")


def rehearse(slot: str, request: Request, *args: Any) -> Any:
    """What `carry_out` with the same arguments would do now; None when nobody can tell."""
    return next(iter(slots.filled("network.rehearsal", slot, request, *args)), None)


@contextmanager
def told_in(place: forms.Form | list[str], names: dict[str, str] | None = None) -> Iterator[None]:
    """What an operation has against the input is said at the field it names, above the form, or in a list.

    `names`: what the operation calls a field -> what the form calls it.
    """
    try:
        yield
    except InvalidInput as error:
        for field, message in error.errors.items():
            _tell(place, (names or {}).get(field, field), message)
    except (InvalidValue, ProviderError) as error:
        _tell(place, (names or {}).get(error.field, error.field), error.message)


def _tell(place: forms.Form | list[str], field: str, message: str) -> None:
    if isinstance(place, list):
        place.append(message)
        return
    place.add_error(field if field in place.fields else None, message)
