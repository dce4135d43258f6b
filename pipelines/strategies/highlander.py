"""Destroys all other server groups of the cluster once the new one is healthy."""

from __future__ import annotations

from typing import Any

from pipelines.core.plan import Child
from pipelines.strategies.base import BaseStrategy, Deployment, go_back, watched


class Highlander(BaseStrategy):
    label = "Highlander"

    def after(self, deployment: Deployment, options: Any) -> list[Child]:
        if not deployment.source:
            return []
        wish = {"shrinkToSize": 1, "allowDeleteActive": True, "retainLargerOverNewer": False}
        return watched(deployment, [Child("shrinkCluster", "shrinkCluster", deployment.cleanup | wish)])

    def on_failure(self, deployment: Deployment, options: Any, failed_step: str) -> list[Child]:
        """While the source is still there, it can take over again."""
        if failed_step or not deployment.source or options.rollback.on_failure is False:
            return []
        return [go_back(deployment, only_if_unhealthy=True)]
