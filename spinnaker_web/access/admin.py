"""People, roles and API tokens. What an administrator changes of them is in the audit."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest

from clusters.admin import AuditedAdmin
from spinnaker_web.access.models import ApiToken

# Django's own have registered themselves with the import above.
admin.site.unregister([User, Group])


class ForSuperusers(AuditedAdmin):
    """Whoever may change people and roles can give themselves everything, so only those may who have it already."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class PersonAdmin(ForSuperusers, UserAdmin):  # type: ignore[type-arg]  # not subscriptable when it runs
    def picture(self, obj: User) -> dict[str, Any]:
        return {
            "is_active": obj.is_active,
            "is_staff": obj.is_staff,
            "is_superuser": obj.is_superuser,
            "roles": sorted(obj.groups.values_list("name", flat=True)),
            "permissions": sorted(obj.user_permissions.values_list("codename", flat=True)),
        }


@admin.register(Group)
class RoleAdmin(ForSuperusers, GroupAdmin):
    def picture(self, obj: Group) -> dict[str, Any]:
        return {"name": obj.name, "permissions": sorted(obj.permissions.values_list("codename", flat=True))}


@admin.register(ApiToken)
class ApiTokenAdmin(AuditedAdmin):
    """Tokens are made by their users on /me; here they are only seen and taken away."""

    list_display = ["name", "user", "created_at", "last_used_at", "expires_at"]
    list_select_related = ["user"]
    readonly_fields = ["name", "user", "created_at", "last_used_at", "expires_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
