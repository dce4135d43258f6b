"""Server groups and instances as pages draw them. Hundreds of squares a page, so no template per square."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from clusters.core import looks
from clusters.core.looks import Counts, Look
from clusters.core.values import Health
from clusters.inventory.columns import PATCHED_TAG
from clusters.models import Freshness, Instance, ServerGroup
from clusters.queries import ClusterNode

register = template.Library()

#: More than these are drawn as one bar.
MOST_SQUARES = 60

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@register.filter
def counts(group: ServerGroup) -> Counts:
    return Counts(group.up, group.down, group.starting, group.out_of_service, group.draining, group.unknown)


@register.filter
def group_look(group: ServerGroup) -> Look:
    return looks.of_server_group(
        counts(group), group.desired_size, is_disabled=group.is_disabled, is_being_destroyed=group.is_being_destroyed
    )


@register.filter
def health_look(health: str) -> looks.SquareLook:
    return looks.SQUARES[health]


@register.simple_tag
def squares(instances: Iterable[Instance], url: str, size: str = "") -> SafeString:
    """A link per instance below `url`; `size` is "large"."""
    rows = list(instances)
    if len(rows) > MOST_SQUARES:
        return _bar(Counter(row.health for row in rows), len(rows))
    links = format_html_join(
        "", '<a class="sq {} {}" href="{}" title="{}"><span class="vh">{}</span></a>', map(_square(url), rows)
    )
    return format_html('<span class="squares {}">{}</span>', size, links)


@register.simple_tag
def health_bar(up: int, total: int) -> SafeString:
    """How many of the wanted instances are up, as a bar; the words stand beside it."""
    tone = "good" if up >= total else "bad"
    return format_html(
        '<svg class="fillbar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="{}" width="{}" height="6"/></svg>',
        tone,
        round(100 * up / total) if total else 0,
    )


@register.filter
def trouble(group: ServerGroup) -> str:
    """What is wrong with an enabled server group, in a sentence; empty when nothing is."""
    if group.is_disabled or not (group.down or group.unknown or group.out_of_service):
        return ""
    said = Counter(reason(instance) for instance in group.instances.all() if instance.health != Health.UP)
    del said[""]
    why = f": {said.most_common(1)[0][0]}" if said else ""
    bad = Counts(down=group.down, unknown=group.unknown, out_of_service=group.out_of_service)
    return f"{bad.sentence} of {counts(group).total}{why}"


@register.filter
def reason(instance: Instance) -> str:
    """What the first source that does not say Up has to say."""
    return next(
        (report["reason"] for report in instance.reports if report["health"] != Health.UP and report["reason"]), ""
    )


@register.filter
def counts_sentence(group: ServerGroup) -> str:
    return counts(group).sentence


@register.filter
def up_words(group: ServerGroup) -> str:
    """4 of 7 up; of a disabled one what is left: "2 out"."""
    if group.is_disabled:
        return counts(group).sentence.replace("out of service", "out")
    return f"{group.up} of {max(group.desired_size, counts(group).total)} up"


@register.filter
def cluster_up(cluster: ClusterNode) -> str:
    """Over enabled server groups only: a disabled one is meant to be down."""
    groups = [group for region in cluster.regions for group in region.server_groups if not group.is_disabled]
    if not groups:
        return "all disabled"
    wanted = sum(max(group.desired_size, counts(group).total) for group in groups)
    return f"{sum(group.up for group in groups)} of {wanted} up"


@register.filter
def version_word(group: ServerGroup) -> str:
    """v019: what headings do not say already."""
    return group.name.removeprefix(f"{group.cluster}-") if group.sequence is not None else group.name


@register.filter
def image_word(group: ServerGroup) -> str:
    word = f"{group.package} {group.version}" if group.package else group.image_name or group.image_id
    return f"{word}, patched" if group.tags.get(PATCHED_TAG) else word


@register.filter
def place(group: ServerGroup) -> str:
    return f"{group.account_id}/{group.region}/{group.name}"


@register.filter
def at(found: dict[str, Any], key: str) -> Any:
    return found.get(key)


@register.filter
def oldest(freshness: list[Freshness]) -> datetime | None:
    """When the oldest rows were read, of those that were."""
    return min((row.refreshed_at for row in freshness if row.refreshed_at), default=None)


@register.filter
def sentence(text: str) -> str:
    """With a full stop, whatever a cloud's message ends in."""
    return f"{text.rstrip('. ')}."


@register.filter
def plain_text(log: str) -> str:
    """Without terminal colours; other control and bidi characters are shown, as they could hide what is there."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", _ANSI.sub("", log))


@register.filter
def rule_ports(rule: dict[str, Any]) -> str:
    """80/tcp, 8000-8100/tcp."""
    first, last = rule["from_port"], rule["to_port"]
    return f"{first}/{rule['protocol']}" if first == last else f"{first}-{last}/{rule['protocol']}"


@register.filter
def is_open_to_all(rule: dict[str, Any]) -> bool:
    return str(rule["cidr"]).endswith("/0")


def _square(url: str) -> Any:
    def square(instance: Instance) -> tuple[str, str, str, str, str]:
        look, why = looks.SQUARES[instance.health], reason(instance)
        name = f"{instance.instance_id} {look.word}{f': {why}' if why else ''}"
        return look.shape, look.tone, f"{url}/instances/{quote(instance.instance_id, safe='')}", name, name

    return square


def _bar(healths: Counter[str], total: int) -> SafeString:
    bars, x = [], 0.0
    for health, look in looks.SQUARES.items():
        width = round(1000 * healths[health] / total, 1)
        if width:
            bars.append((look.tone, x, width))
        x += width
    rects = format_html_join("", '<rect class="{}" x="{}" width="{}" height="6"/>', bars)
    return format_html(
        '<svg class="fillbar squares" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        rects,
    )
