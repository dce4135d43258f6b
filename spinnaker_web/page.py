"""What the frame of every page shows: theme, where one may go, and how many executions wait for whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from clusters.trust.requests import Request
from pipelines.models import Step
from pipelines.queries import turn


@dataclass(frozen=True, slots=True)
class Entry:
    label: str
    url: str
    is_current: bool
    count: int = 0


def page(request: Request) -> dict[str, Any]:
    frame: dict[str, Any] = {"request_id": getattr(request, "id", ""), "theme": "", "nav": []}
    # Answers made before the session or the user were found out carry the bare frame.
    if hasattr(request, "session"):
        frame["theme"] = request.session.get("theme", "")
    if hasattr(request, "user") and request.user.is_authenticated and not _is_part(request):
        frame["nav"] = _nav(request)
    return frame


def asked(request: Request) -> list[Step]:
    """Judgments that wait for whoever looks; read once for all places of a page that show them."""
    if "asked" not in request.memo:
        request.memo["asked"] = turn.asked(request.actor)
    found: list[Step] = request.memo["asked"]
    return found


def _nav(request: Request) -> list[Entry]:
    applications, executions = reverse("clusters:applications"), reverse("pipelines:executions")
    your_turn = reverse("pipelines:turn")
    return [
        Entry("Applications", applications, request.path.startswith(applications)),
        Entry("Executions", executions, request.path.startswith(executions)),
        Entry("Your turn", your_turn, request.path == your_turn, len(asked(request))),
    ]


def _is_part(request: Request) -> bool:
    """A fragment has no frame around it."""
    return bool(getattr(request, "htmx", None)) and not request.htmx.history_restore_request
