"""A secret by its name: kept encrypted, or read from the environment, and where it may go.

clusters.trust.secrets encrypts and hands out; nothing here or in a page ever shows a value.
"""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

#: The environment holds more than what administrators may hand out: only variables that begin like this are read.
VARIABLE = r"^SPINNAKER_CREDENTIAL_[A-Z0-9_]+$"


def validate_names(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ValidationError('A list of names, such as ["shop"].')


class Secret(models.Model):
    #: As in `secret:name`.
    name = models.SlugField(max_length=100, unique=True)
    #: Encrypted by the first key of SPINNAKER_SECRETS_KEYS at the time; empty when `variable` is read instead.
    sealed = models.TextField(blank=True, editable=False)
    variable = models.CharField(
        max_length=150,
        blank=True,
        validators=[RegexValidator(VARIABLE, "Only variables SPINNAKER_CREDENTIAL_… are read.")],
        help_text="Read from this variable of the environment (SPINNAKER_CREDENTIAL_…) instead of being stored.",
    )
    applications = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_names],
        help_text='Names of the applications that may use it, ["*"] for all. None: it is of no use to pipelines.',
    )
    hosts = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_names],
        help_text='Hosts it may be sent to: "ci.example.org", or "*.example.org" for all below.',
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
