"""API tokens and tries to sign in, to look at."""

from django.contrib import admin
from django.http import HttpRequest

from spinnaker_web.access.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Tokens are made by their users on /me; here they are only seen and taken away."""

    list_display = ["name", "user", "created_at", "last_used_at"]
    list_select_related = ["user"]
    readonly_fields = ["name", "user", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
