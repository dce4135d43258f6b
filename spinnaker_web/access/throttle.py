"""How often one may try to sign in, counted in PostgreSQL for all hosts.

Within a minute: five tries at one account from one address, forty from one address at whatever accounts (one password
tried on many people), twenty at one account from anywhere (many addresses tried on one person). By the last two alone
anybody could lock a person out for as long as they like. So a browser in which the person has signed in before carries
a signed cookie, and with it counts by itself: five tries, whatever others do.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.core import signing
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from spinnaker_web.access.models import SignInTry

TRIES = 5
TRIES_OF_ADDRESS = 40
TRIES_ON_ACCOUNT = 20
WINDOW = timedelta(minutes=1)

COOKIE = "known_browser"
REMEMBERED = timedelta(days=90)
_SALT = "spinnaker_web.access.known_browser"


@dataclass(frozen=True, slots=True)
class Try:
    """A try that may be made; `limits` is how many a window has room for by key, the narrowest first."""

    limits: dict[str, int]
    rows: tuple[int, ...]

    def succeeded(self) -> None:
        """The earlier slips are no sign of an attack. Those of others at the address or the account still count."""
        SignInTry.objects.filter(pk__in=self.rows).delete()
        SignInTry.objects.filter(key=next(iter(self.limits))).delete()


def begin(account: str, request: HttpRequest) -> Try | None:
    """Count this try; None when it may not be made.

    The rows are there before the others are counted, so tries made at the same time see each other.
    """
    now = timezone.now()
    SignInTry.objects.filter(at__lt=now - WINDOW).delete()
    limits = _limits(account, _network(request.META.get("REMOTE_ADDR", "")), _browser(account, request))
    made = SignInTry.objects.bulk_create([SignInTry(key=key) for key in limits])
    this_try = Try(limits, tuple(row.pk for row in made))
    recent = SignInTry.objects.filter(key__in=limits, at__gte=now - WINDOW)
    counts = dict(recent.values_list("key").annotate(Count("pk")))
    if all(counts.get(key, 0) <= limit for key, limit in limits.items()):
        return this_try
    # A refused try does not count, or whoever goes on trying would lock the account for ever.
    SignInTry.objects.filter(pk__in=this_try.rows).delete()
    return None


def remember(account: str, response: HttpResponse) -> None:
    """Mark the browser as one in which the account's person has signed in."""
    value = signing.dumps([_key("account", account.casefold()), secrets.token_urlsafe(16)], salt=_SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=REMEMBERED,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _browser(account: str, request: HttpRequest) -> str:
    """The id of the browser, when the account's person has signed in there before."""
    try:
        owner, browser = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=REMEMBERED)
    except (signing.BadSignature, ValueError):
        return ""
    return str(browser) if constant_time_compare(str(owner), _key("account", account.casefold())) else ""


def _limits(account: str, network: str, browser: str) -> dict[str, int]:
    name = account.casefold()
    if browser:
        return {_key("browser", name, browser): TRIES}
    return {
        _key("pair", name, network): TRIES,
        _key("address", network): TRIES_OF_ADDRESS,
        _key("account", name): TRIES_ON_ACCOUNT,
    }


def _network(address: str) -> str:
    """An IPv6 address stands for its /64: whoever has one has all of them."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(known) if known.version == 4 else str(ip_network((known, 64), strict=False))


def _key(*parts: str) -> str:
    """No name is stored: people type passwords into the wrong field."""
    return salted_hmac("sign-in-try", "\n".join(parts), algorithm="sha256").hexdigest()
