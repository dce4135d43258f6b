"""For administrators: accounts, applications and who may do what. What providers or the audit wrote is only to read."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import JSONField, Model, TextField
from django.http import HttpRequest

from clusters.core.values import InvalidValue
from clusters.models import (
    Account,
    AccountPermission,
    Application,
    ApplicationPermission,
    AuditEntry,
    ClusterClaim,
    Freshness,
    Image,
    Instance,
    LoadBalancer,
    NameReservation,
    OpLock,
    Secret,
    SecurityGroup,
    ServerGroup,
    TrafficGuard,
)
from clusters.providers import PROVIDERS
from clusters.trust import audit, secrets
from clusters.trust.permissions import actor_of
from clusters.trust.redaction import masked
from clusters.trust.requests import Request


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What an administrator changes here is in the audit like any other change."""

    actions = None  # deleting many at once runs outside of a transaction, so it could not be audited

    def picture(self, obj: Any) -> dict[str, Any]:
        """What the audit tells of the row before and after, besides the names of the fields that changed."""
        return {}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            cast(Request, request).memo["before"] = self.picture(obj)
        return obj

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, obj, "create", message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, obj, "update", message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._audit(request, obj, "delete", None)
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, obj: Model, verb: str, message: Any) -> None:
        application = obj.name if isinstance(obj, Application) else None
        action = f"{obj._meta.model_name}.{verb}"
        before = cast(Request, request).memo.get("before") or None
        after = {**self.picture(obj), "changes": message} if message else None
        audit.record(actor_of(request.user, via="admin"), action, obj, before, after, application=application)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at, with secrets masked as on every other page."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Never saved, so what it shows may differ from what is stored."""
        obj = super().get_object(request, object_id, from_field)
        for field in obj._meta.concrete_fields if obj else ():
            if isinstance(field, JSONField | TextField):
                setattr(obj, field.attname, masked(getattr(obj, field.attname)))
        return obj

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ApplicationPermissionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = ApplicationPermission
    extra = 0


class TrafficGuardInline(admin.TabularInline):  # type: ignore[type-arg]
    model = TrafficGuard
    extra = 0


class AccountPermissionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = AccountPermission
    extra = 0


@admin.register(Application)
class ApplicationAdmin(AuditedAdmin):
    list_display = ["name", "owner_role", "owner_email", "created_at"]
    list_select_related = ["owner_role"]
    search_fields = ["name", "owner_email", "description"]
    inlines = [ApplicationPermissionInline, TrafficGuardInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["name", "version"] if obj else ["version"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # its own page does that, once no server group is left

    def save_model(self, request: HttpRequest, obj: Application, form: Any, change: bool) -> None:
        obj.version += change
        super().save_model(request, obj, form, change)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an account's cloud would not understand is refused before it is saved."""

    provider = forms.ChoiceField(choices=lambda: [(key, cloud.label) for key, cloud in PROVIDERS.items()])

    class Meta:
        model = Account
        fields = ("name", "provider", "regions", "config", "is_enabled")
        help_texts = {
            "regions": 'A list: ["eu-west-1"].',
            "config": "What the cloud needs to be reached (docs/clouds.md). No secrets.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            PROVIDERS[cleaned["provider"]].check_account(cleaned["regions"], cleaned["config"])
        except InvalidValue as error:
            field = error.field.partition(".")[0]
            message = str(error) if "." in error.field else error.message
            self.add_error(field if field in self.fields else None, message)
        return cleaned


@admin.register(Account)
class AccountAdmin(AuditedAdmin):
    form = AccountForm
    list_display = ["name", "provider", "regions", "is_enabled"]
    list_filter = ["provider", "is_enabled"]
    search_fields = ["name"]
    inlines = [AccountPermissionInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["name"] if obj else []


class SecretForm(forms.ModelForm):  # type: ignore[type-arg]
    """Takes a value, never gives one back."""

    value = forms.CharField(
        required=False,
        strip=False,
        max_length=10_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep what is stored.",
    )

    class Meta:
        model = Secret
        fields = ("name", "value", "variable", "applications", "hosts")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        value, variable = cleaned.get("value"), cleaned.get("variable")
        if value and variable:
            raise forms.ValidationError("Either a value or a variable, not both.")
        if not value and not variable and not self.instance.sealed:
            self.add_error("value", "Give a value, or a variable to read it from.")
        if value:
            try:
                self.instance.sealed = secrets.seal(value)
            except secrets.SecretRefused as error:
                self.add_error("value", error.message)
        elif variable:
            self.instance.sealed = ""
        return cleaned


@admin.register(Secret)
class SecretAdmin(AuditedAdmin):
    form = SecretForm
    list_display = ["name", "is_stored", "applications", "hosts", "updated_at"]
    search_fields = ["name"]

    @admin.display(description="kept", ordering="variable")
    def is_stored(self, secret: Secret) -> str:
        return secret.variable or "encrypted"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["name"] if obj else []


@admin.register(ServerGroup)
class ServerGroupAdmin(ReadOnlyAdmin):
    list_display = ["name", "account", "region", "image_name", "up", "desired_size", "is_disabled", "created_at"]
    list_filter = ["account", "region", "is_disabled"]
    list_select_related = ["account"]
    search_fields = ["name", "application", "image_name", "version"]


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    list_display = ["instance_id", "server_group", "account", "region", "health", "address"]
    list_filter = ["health", "account"]
    list_select_related = ["account", "server_group"]
    search_fields = ["instance_id", "server_group__name", "address"]


@admin.register(LoadBalancer, SecurityGroup, Image)
class InventoryAdmin(ReadOnlyAdmin):
    list_display = ["name", "account", "region", "changed_at"]
    list_filter = ["account", "region"]
    list_select_related = ["account"]
    search_fields = ["name"]


@admin.register(Freshness)
class FreshnessAdmin(ReadOnlyAdmin):
    list_display = ["account", "region", "kind", "refreshed_at", "error"]
    list_filter = ["kind", "account", "region"]
    list_select_related = ["account"]


@admin.register(NameReservation)
class NameReservationAdmin(ReadOnlyAdmin):
    list_display = ["name", "account", "region", "token", "created_at"]
    search_fields = ["name", "token"]


@admin.register(OpLock)
class OpLockAdmin(ReadOnlyAdmin):
    list_display = ["key", "owner", "summary", "acquired_at"]
    search_fields = ["key", "owner"]


@admin.register(ClusterClaim)
class ClusterClaimAdmin(ReadOnlyAdmin):
    list_display = ["key", "summary", "application", "execution_id", "claimed_at"]
    search_fields = ["key", "summary", "application"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "actor", "via", "action", "object_type", "object_id", "application", "result"]
    list_filter = ["via", "object_type"]
    search_fields = ["actor", "action", "object_id", "application", "execution_id"]
    date_hierarchy = "at"
