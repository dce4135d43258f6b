"""Make the first administrator, and say how to sign in."""

import os
import secrets
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

NAME = "admin"


class Command(BaseCommand):
    help = (
        "Create the administrator when there is none. The password comes from SPINNAKER_ADMIN_PASSWORD or is made up."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.filter(is_superuser=True).exists():
            return
        given = os.environ.get("SPINNAKER_ADMIN_PASSWORD", "")
        password = given or secrets.token_urlsafe(12)
        self._check(password)
        User.objects.create_superuser(NAME, password=password)
        shown = "the password from SPINNAKER_ADMIN_PASSWORD" if given else f"the password {password} (shown only now)"
        self.stdout.write(f"Sign in as {NAME} with {shown}.")

    def _check(self, password: str) -> None:
        try:
            validate_password(password, User(username=NAME))
        except ValidationError as error:
            raise CommandError(f"SPINNAKER_ADMIN_PASSWORD is refused. {' '.join(error.messages)}") from None
        if User.objects.filter(username=NAME).exists():
            raise CommandError(
                f"There is a user {NAME} who is no administrator: make one with `manage.py createsuperuser`."
            )
