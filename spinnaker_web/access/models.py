"""API tokens, tries to sign in, and a person's settings. No secret is stored, only digests."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """Lets a program act as its user. The token itself is shown once and never stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    #: SHA-256 of the token; a slow hash is not needed for 256 random bits.
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    #: It opens nothing from then on; None: it never ends by itself.
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class SignInTry(models.Model):
    """One try to sign in, once for each limit it counts for; `key` is a digest of what that limit is about."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "sign-in tries"
        indexes = [models.Index(fields=["key", "at"], name="sign_in_try_by_key")]

    def __str__(self) -> str:
        return f"{self.key[:8]} {self.at:%H:%M:%S}"


class Preference(models.Model):
    THEMES = [("", "As my system"), ("light", "Light"), ("dark", "Dark")]

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    theme = models.CharField(max_length=5, choices=THEMES, blank=True)

    def __str__(self) -> str:
        return f"settings of {self.user}"
