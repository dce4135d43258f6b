"""A Jenkins controller: where it is, as whom it is called, and which applications may start builds on it."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from clusters.models import Application


def validate_address(url: str) -> None:
    try:
        parsed = urlsplit(url)
        is_fine = parsed.scheme in ("http", "https") and bool(parsed.hostname)
    except ValueError:
        raise ValidationError("This is not an address.") from None
    if not is_fine:
        raise ValidationError("An address that begins with https:// (or http://).")
    if parsed.username or parsed.password or parsed.query or parsed.fragment:
        raise ValidationError("The address alone: no user, password, ? or #.")


class Controller(models.Model):
    #: What pipelines call it (`master`).
    name = models.CharField(max_length=100, unique=True)
    url = models.CharField("address", max_length=500, validators=[validate_address])
    username = models.CharField(max_length=150, blank=True, help_text="Whose API token it is.")
    token = models.CharField(
        "API token",
        max_length=110,
        blank=True,
        validators=[RegexValidator(r"^secret:[A-Za-z0-9_-]+$", "A reference: secret:name.")],
        help_text="As a reference, secret:name; the secret has to list this host and the applications below.",
    )
    applications = models.ManyToManyField(
        Application, blank=True, related_name="controllers", help_text="Whose pipelines may start builds on it."
    )
    is_enabled = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""
