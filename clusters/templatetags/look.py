"""Words and pictures that every page shares: icons, statuses, instants and durations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, kind: str = "") -> SafeString:
    """A picture from _icons.html; its word stands beside it, so it is hidden from screen readers."""
    spin = " spin" if name == "run" else ""
    return format_html(
        '<svg class="i{}{}" viewBox="0 0 16 16" aria-hidden="true"><use href="#i-{}"/></svg>',
        spin,
        f" {kind}" if kind else "",
        name,
    )


@register.simple_tag
def status(look: Any, kind: str = "", word: str = "") -> SafeString:
    """Icon, word and colour of anything with `tone`, `icon` and `word`; kind is "chip" or "big"."""
    css = " ".join(filter(None, ("st", look.tone, kind)))
    return format_html('<span class="{}">{}{}</span>', css, icon(look.icon), word or look.word)


@register.simple_tag
def when(value: datetime | None, never: str = "never") -> SafeString | str:
    """An instant as people say it, the exact one on hover: 10:38, Mon, 18 Nov, 18 Nov 2025."""
    if value is None:
        return never
    local, now = timezone.localtime(value), timezone.localtime()
    return _time(local, _short(local, now), "")


@register.simple_tag
def age(value: datetime | None, never: str = "") -> SafeString | str:
    """How long ago: 12 s, 6 min, 3 h, 5 d. The browser counts on."""
    if value is None:
        return never
    return _time(timezone.localtime(value), ago(timezone.now() - value), "since")


@register.simple_tag
def took(seconds: float | timedelta | None) -> str:
    """A duration: 0.4 s, 44 s, 13 min 11 s, 3 h 57 min, 2 d 4 h."""
    if seconds is None:
        return ""
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if total < 10:
        return f"{total:.1f} s".replace(".0 s", " s")
    whole = int(total)
    for unit, name, smaller, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name} {rest} {small_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def ago(passed: timedelta) -> str:
    seconds = max(0, int(passed.total_seconds()))
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _short(local: datetime, now: datetime) -> str:
    if local.date() == now.date():
        return f"{local:%H:%M}"
    if timedelta() < now.date() - local.date() < timedelta(days=7):
        return f"{local:%a}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local.day} {local:%b %Y}"


def _time(local: datetime, text: str, counts: str) -> SafeString:
    exact = f"{local.day} {local:%b %Y %H:%M:%S %Z}"
    counting = format_html(' data-{}="{}"', counts, local.isoformat()) if counts else ""
    return format_html('<time datetime="{}" title="{}"{}>{}</time>', local.isoformat(), exact, counting, text)
