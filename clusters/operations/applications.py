"""Creating, changing and deleting applications."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from clusters.core.guarding import Guard
from clusters.models import Application, ApplicationPermission, ServerGroup, TrafficGuard
from clusters.operations import Conflict, InvalidInput
from clusters.trust import audit
from clusters.trust.permissions import WRITE, Actor, Authorization, Refused, require

#: Pairs of a role's name and an authorization.
Grants = Collection[tuple[str, Authorization]]


def create(
    actor: Actor,
    *,
    name: str,
    owner_role: str = "",
    owner_email: str = "",
    description: str = "",
    grants: Grants = (),
) -> Application:
    """Anybody signed in may, for a role of their own; superusers also for others or for none.

    Raises Refused, InvalidInput.
    """
    if actor.user_id is None:
        raise Refused("Sign in to create an application.")
    owner = _owner(actor, owner_role)
    application = Application(name=name, owner_role=owner, owner_email=owner_email, description=description)
    _validate(application)
    with transaction.atomic():
        try:
            with transaction.atomic():
                application.save(force_insert=True)
        except IntegrityError:  # somebody was faster than the validation
            raise InvalidInput({"name": "There is an application of this name already."}) from None
        _grant(application, grants)
        audit.record(actor, "application.create", application, after=_picture(application), application=name)
    return application


def update(
    actor: Actor,
    application: Application,
    *,
    version: int,
    owner_email: str,
    description: str,
    owner_role: str | None = None,
    grants: Grants | None = None,
    guards: Collection[Guard] | None = None,
) -> Application:
    """`version` is the one the change was made on. None leaves owner, grants and traffic guards as they are; owner and
    grants are changed by owners only.

    Raises Refused, InvalidInput, Conflict when somebody else changed it meanwhile.
    """
    require(actor, WRITE, application)
    before = _picture(application)
    if owner_role is not None or grants is not None:
        _require_ownership(actor, application)
    if owner_role is not None:
        application.owner_role = _owner(actor, owner_role)
    application.owner_email, application.description = owner_email, description
    _validate(application)
    with transaction.atomic():
        _save(application, version)
        if grants is not None:
            application.permissions.all().delete()
            _grant(application, grants)
        if guards is not None:
            _guard(application, guards)
        audit.record(
            actor, "application.update", application, before, _picture(application), application=application.name
        )
    return application


def delete(actor: Actor, application: Application) -> None:
    """With its pipelines. Raises Refused, Conflict while it has server groups."""
    _require_ownership(actor, application)
    left = ServerGroup.objects.filter(application=application.name).count()
    if left:
        raise Conflict({"name": f"{application.name} still has {left} server group{'s' if left > 1 else ''}."})
    with transaction.atomic():
        before = _picture(application)
        audit.record(actor, "application.delete", application, before, application=application.name)
        application.delete()


def _save(application: Application, version: int) -> None:
    changed = Application.objects.filter(pk=application.pk, version=version).update(
        owner_role=application.owner_role,
        owner_email=application.owner_email,
        description=application.description,
        version=F("version") + 1,
    )
    if not changed:
        raise Conflict({"version": "Somebody else changed this application meanwhile. Load it again."})
    application.version = version + 1


def _validate(application: Application) -> None:
    try:
        application.full_clean()
    except ValidationError as error:
        errors = {field: " ".join(messages) for field, messages in error.message_dict.items()}
        if NON_FIELD_ERRORS in errors:  # the only rule over the whole row is about the name's spelling
            errors.setdefault("name", errors.pop(NON_FIELD_ERRORS))
        raise InvalidInput(errors) from None


def _owner(actor: Actor, role: str) -> Group | None:
    if not role:
        if actor.is_superuser:
            return None
        raise InvalidInput({"owner_role": "Choose the role that owns the application, or nobody could see it."})
    group = Group.objects.filter(name=role).first()
    if group is None:
        raise InvalidInput({"owner_role": f"There is no role {role}."})
    if not actor.is_superuser and role not in actor.roles:
        raise InvalidInput({"owner_role": f"You are not a member of {role}."})
    return group


def _require_ownership(actor: Actor, application: Application) -> None:
    owner = application.owner_role.name if application.owner_role else ""
    if not actor.is_superuser and owner not in actor.roles:
        raise Refused(f"Only members of {owner or 'the administrators'} may do this to {application.name}.")


def _grant(application: Application, grants: Grants) -> None:
    roles = {group.name: group for group in Group.objects.filter(name__in=[role for role, _ in grants])}
    for role, _ in grants:
        if role not in roles:
            raise InvalidInput({"grants": f"There is no role {role}."})
    ApplicationPermission.objects.bulk_create(
        ApplicationPermission(application=application, role=roles[role], authorization=authorization)
        for role, authorization in sorted(set(grants))
    )


def _guard(application: Application, guards: Collection[Guard]) -> None:
    """The last word on the same clusters counts."""
    application.traffic_guards.all().delete()
    by_place = {(guard.account, guard.location, guard.stack, guard.detail): guard for guard in guards}
    TrafficGuard.objects.bulk_create(
        TrafficGuard(application=application, **asdict(guard)) for guard in sorted(by_place.values())
    )


def _picture(application: Application) -> dict[str, Any]:
    """What the audit tells of it."""
    grants = application.permissions.values_list("role__name", "authorization").order_by("role__name", "authorization")
    return {
        "owner_role": application.owner_role.name if application.owner_role else None,
        "owner_email": application.owner_email,
        "description": application.description,
        "version": application.version,
        "grants": [list(grant) for grant in grants],
        "traffic_guards": [guard.value.as_json() for guard in application.traffic_guards.all()],
    }
