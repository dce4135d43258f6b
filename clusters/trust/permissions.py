"""Who may do what: roles are Django groups, grants go to roles, and what is not granted is refused.

Application: READ see it, WRITE edit it and its pipelines, EXECUTE start, cancel and judge.
Account: READ see it, WRITE deploy into it.
WRITE and EXECUTE each imply READ. An application's owner role holds all three; superusers hold all everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser, AnonymousUser


class Authorization(models.TextChoices):
    READ = "READ"
    WRITE = "WRITE"
    EXECUTE = "EXECUTE"

    @property
    def granted_by(self) -> frozenset[Authorization]:
        """The grants that include this one."""
        return frozenset(Authorization) if self is Authorization.READ else frozenset({self})


READ, WRITE, EXECUTE = Authorization.READ, Authorization.WRITE, Authorization.EXECUTE


class Refused(PermissionDenied):
    """The actor may not do this; the message is a sentence for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting. `roles` are names of groups, `via` is how: ui, api, webhook, cron, pipeline or system."""

    user_id: int | None
    username: str
    roles: frozenset[str] = frozenset()
    is_superuser: bool = False
    via: str = "ui"


#: Reads providers into rows. It holds no role, so nothing that needs a permission is open to it.
SYSTEM = Actor(None, "system", via="system")


class Guarded(Protocol):
    """What authorizations are granted on: an application or an account."""

    name: str

    @property
    def kind(self) -> str:
        """The word for it in a sentence."""

    def roles_granted(self, authorization: Authorization) -> frozenset[str]:
        """Names of the roles that hold the authorization, directly or implied."""


def actor_of(user: AbstractUser | AnonymousUser, via: str = "ui", roles: frozenset[str] | None = None) -> Actor:
    """The actor behind a signed-in user; one query for `roles` not known. None for anonymous and deactivated users."""
    if not user.is_active:
        return Actor(user.pk, user.get_username() or "anonymous", via=via)
    if roles is None:
        roles = frozenset(user.groups.values_list("name", flat=True))
    return Actor(user.pk, user.get_username(), roles, user.is_superuser, via)


def actor_named(username: str, via: str) -> Actor:
    """The actor as they are now, for work that goes on without them. A user who is gone holds no role."""
    user = get_user_model().objects.filter(username=username).first()
    return actor_of(user, via) if user else Actor(None, username, via=via)


def allows(actor: Actor, authorization: Authorization, target: Guarded) -> bool:
    return actor.is_superuser or not actor.roles.isdisjoint(target.roles_granted(authorization))


def require_granted(actor: Actor, permission: str, doing: str) -> None:
    """Raises Refused unless one of the actor's roles was given the permission ("app.codename") by an administrator."""
    app, _, codename = permission.partition(".")
    granted = apps.get_model("auth", "Group").objects.filter(
        name__in=actor.roles, permissions__codename=codename, permissions__content_type__app_label=app
    )
    if not (actor.is_superuser or granted.exists()):
        raise Refused(f"{actor.username} may not {doing}: an administrator gave {permission} to none of their roles.")


def require(actor: Actor, authorization: Authorization, target: Guarded) -> None:
    """Raises Refused unless the actor holds the authorization on the application or account."""
    if not allows(actor, authorization, target):
        raise Refused(f"{actor.username} lacks {authorization.value} on {target.kind} {target.name}.")
