"""Who may answer a manual judgment, and what with, as its stage says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def required_roles(context: Mapping[str, Any]) -> list[str]:
    """Roles that a judge must all hold. What is no list of names is a role that nobody holds, so it lets nobody in."""
    roles: list[str] = []
    for key in ("requiredJudgmentRoles", "selectedStageRoles"):
        named = context.get(key) or []
        roles += map(str, named if isinstance(named, list | tuple) else [named])
    return list(dict.fromkeys(roles))


def inputs(context: Mapping[str, Any]) -> list[str]:
    """What a judge may pick from; [] when there is nothing to pick."""
    offered = context.get("judgmentInputs") or []
    if not isinstance(offered, list | tuple):
        return []
    return [str(item["value"]) for item in offered if isinstance(item, dict) and item.get("value")]
