"""An application: what clusters and pipelines belong to, and who may see, change and run it."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from clusters.core import naming
from clusters.core.values import InvalidValue
from clusters.trust.permissions import Actor, Authorization


def validate_name(name: str) -> None:
    try:
        naming.check_application(name)
    except InvalidValue as error:
        raise ValidationError(error.message) from None


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, actor: Actor) -> ApplicationQuerySet:
        """Those the actor may READ: owned by, or granted to, one of their roles."""
        if actor.is_superuser:
            return self
        granted = ApplicationPermission.objects.filter(application=OuterRef("pk"), role__name__in=actor.roles)
        return self.filter(Q(owner_role__name__in=actor.roles) | Exists(granted))


class Application(models.Model):
    #: As it stands in server groups' names; two names may not differ in case only.
    name = models.CharField(max_length=naming.MAX_APPLICATION_LENGTH, unique=True, validators=[validate_name])
    owner_email = models.EmailField(blank=True)
    description = models.TextField(blank=True, max_length=4000)
    owner_role = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: Raised by one with each change; a change made on an older version is refused.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    kind = "application"
    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="application_name_any_case",
                violation_error_message="There is an application of this name already.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def roles_granted(self, authorization: Authorization) -> frozenset[str]:
        granted = self.permissions.filter(authorization__in=authorization.granted_by)
        owner = [self.owner_role.name] if self.owner_role else []
        return frozenset([*granted.values_list("role__name", flat=True), *owner])


class ApplicationPermission(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="permissions")
    role = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="+")
    authorization = models.CharField(max_length=8, choices=Authorization.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "role", "authorization"], name="application_permission_once")
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.authorization} {self.application}"
