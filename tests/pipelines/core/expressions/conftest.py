"""Contexts to evaluate in, and the cases that Spinnaker's own evaluator was asked.

cases.json: `text` evaluated in `context` of contexts.json gives `value` of `kind`; `level` and `says` where something is
told. `stricter` says why ours differs from Spinnaker's on purpose.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.core.expressions import Context, evaluate

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 25, 9, 5, 3, 250_000, tzinfo=UTC)
CONTEXTS: dict[str, dict[str, Any]] = json.loads((HERE / "contexts.json").read_text())
CASES: list[dict[str, Any]] = json.loads((HERE / "cases.json").read_text())
KINDS = {"text": str, "whole": int, "truth": bool, "real": float, "map": dict, "list": list}


def context(root: dict[str, Any], **more: Any) -> Context:
    return Context(root, NOW, **{"execution": root.get("execution", {}), "seed": "stage-1"} | more)


def value(text: str, root: dict[str, Any] | None = None, **more: Any) -> Any:
    """What the text gives, with nothing to be told."""
    found = evaluate(text, context(CONTEXTS["misc"] if root is None else root, **more))
    assert not found.messages, str(found.messages[0])
    return found.value


def told(text: Any, root: dict[str, Any] | None = None, **more: Any) -> str:
    """The one message; the text stays."""
    found = evaluate(text, context(CONTEXTS["misc"] if root is None else root, **more))
    assert found.value == text
    (message,) = found.messages
    return f"{message.level} {message}"
