"""Encrypt every stored secret by the newest key, so that older ones can be taken out of SPINNAKER_SECRETS_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from clusters.trust.secrets import SecretRefused, reseal_all


class Command(BaseCommand):
    help = "Encrypt every stored secret by the newest key of SPINNAKER_SECRETS_KEYS."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = reseal_all()
        except SecretRefused as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"{count} secrets are encrypted by the newest key.")
