"""What the frame of every page shows: theme, who is signed in, and how many executions wait for them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    return {
        "theme": request.session.get("theme", "") if hasattr(request, "session") else "",
        "request_id": getattr(request, "id", ""),
    }
