"""For administrators: pipelines, kept by the same operations as everywhere. What ran is only to read."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.views.decorators.http import require_POST

from clusters.admin import AuditedAdmin, ReadOnlyAdmin
from clusters.trust import secrets
from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.clients import jenkins
from pipelines.models import Controller, Event, Execution, Judgment, Outbox, Pipeline, Stage, Step, Work
from pipelines.operations.documents import check


class PipelineForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Pipeline
        fields = ("application", "source")

    def clean_source(self) -> str:
        source = self.cleaned_data["source"].replace("\r\n", "\n")
        errors = [problem for problem in check(source)[2] if problem.severity == "error"]
        if errors:
            raise forms.ValidationError([f"{problem.path or 'document'}: {problem.message}" for problem in errors])
        return str(source)


@admin.register(Pipeline)
class PipelineAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = PipelineForm
    list_display = ("name", "application", "version", "is_disabled", "updated_by", "updated_at")
    list_filter = ("is_disabled", "application")
    list_select_related = ("application",)
    search_fields = ("name", "id")
    readonly_fields: ClassVar = ("id", "name", "version", "is_disabled", "problems", "updated_by", "updated_at")
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return (*self.readonly_fields, "application") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Pipeline, form: Any, change: bool) -> None:
        pipeline = Pipeline.objects.get(pk=obj.pk) if change else None
        actor = actor_of(request.user, via="admin")
        saved = operations.save_pipeline(actor, obj.application, obj.source, pipeline=pipeline)
        obj.__dict__.update(saved.pipeline.__dict__)

    def delete_model(self, request: HttpRequest, obj: Pipeline) -> None:
        operations.delete_pipeline(actor_of(request.user, via="admin"), obj)


@admin.register(Controller)
class ControllerAdmin(AuditedAdmin):
    list_display = ["name", "url", "username", "token", "is_enabled"]
    list_filter = ["is_enabled"]
    search_fields = ["name", "url"]
    filter_horizontal = ["applications"]
    change_form_template = "admin/pipelines/controller/change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["name"] if obj else []

    def get_urls(self) -> list[Any]:
        check = self.admin_site.admin_view(require_POST(self.try_connection))
        return [path("<int:pk>/check/", check, name="pipelines_controller_check"), *super().get_urls()]

    def try_connection(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Call the controller as it is saved, and say what came of it."""
        controller = get_object_or_404(Controller, pk=pk)
        if not self.has_change_permission(request, controller):
            raise PermissionDenied
        try:
            found = jenkins.of(controller, None).whoami()
        except (jenkins.JenkinsError, secrets.SecretRefused) as error:
            messages.error(request, f"Controller {controller} does not work: {error.message}")
        else:
            messages.success(request, f"Controller {controller} works: {found}.")
        return redirect("admin:pipelines_controller_change", pk)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ("name", "number", "application", "status", "started_by", "created_at", "attention_reason")
    list_filter = ("status", "application")
    search_fields = ("name", "application", "started_by")
    show_full_result_count = False


@admin.register(Stage)
class StageAdmin(ReadOnlyAdmin):
    list_display = ("name", "ref", "attempt", "type_key", "status", "execution")
    list_filter = ("status", "type_key")
    list_select_related = ("execution",)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Step)
class StepAdmin(ReadOnlyAdmin):
    list_display = ("name", "stage", "status", "tries", "started_at", "due_at")
    list_filter = ("status", "kind")
    list_select_related = ("stage",)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "execution", "kind", "ref", "status", "actor", "message")
    list_filter = ("kind", "status")
    list_select_related = ("execution",)
    ordering = ("-id",)
    show_full_result_count = False


@admin.register(Judgment)
class JudgmentAdmin(ReadOnlyAdmin):
    list_display = ("at", "stage", "answer", "by", "reason")
    list_select_related = ("stage",)
    ordering = ("-at",)


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    list_display = ("kind", "key", "due_at", "tries", "sent_at")
    list_filter = ("kind",)


@admin.register(Work)
class WorkAdmin(ReadOnlyAdmin):
    list_display = ("kind", "stage", "status", "lease_owner", "created_at", "started_at", "ended_at")
    list_filter = ("status", "kind")
    list_select_related = ("stage",)
    ordering = ("-id",)
    show_full_result_count = False
