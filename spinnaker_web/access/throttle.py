"""At most five tries a minute to sign in to one account from one address, counted in PostgreSQL for all hosts."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.crypto import salted_hmac

from spinnaker_web.access.models import SignInTry

TRIES = 5
WINDOW = timedelta(minutes=1)


def is_allowed(account: str, address: str) -> bool:
    """Count this try, and say whether it may be made.

    The row is there before the others are counted, so tries made at the same time see each other.
    """
    now = timezone.now()
    SignInTry.objects.filter(at__lt=now - WINDOW).delete()
    key = _key(account, address)
    this_try = SignInTry.objects.create(key=key)
    if SignInTry.objects.filter(key=key, at__gte=now - WINDOW).count() <= TRIES:
        return True
    # A refused try does not count, or whoever goes on trying would lock the account for ever.
    this_try.delete()
    return False


def forget(account: str, address: str) -> None:
    """After signing in the earlier slips are no sign of an attack."""
    SignInTry.objects.filter(key=_key(account, address)).delete()


def _key(account: str, address: str) -> str:
    return salted_hmac("sign-in-try", f"{account.casefold()}\n{address}", algorithm="sha256").hexdigest()
