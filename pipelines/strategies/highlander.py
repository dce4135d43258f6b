"""Destroys all other server groups of the cluster once the new one is healthy."""

from __future__ import annotations

from typing import Any

from pipelines.core.plan import Child
from pipelines.strategies.base import BaseStrategy, Deployment


class Highlander(BaseStrategy):
    label = "Highlander"

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        if not deployment.source:
            return []
        wish = {"shrinkToSize": 1, "allowDeleteActive": True, "retainLargerOverNewer": False}
        return [Child("shrinkCluster", "shrinkCluster", deployment.cleanup | wish)]
