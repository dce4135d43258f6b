"""Leaves the other server groups of the cluster as they are."""

from __future__ import annotations

from pipelines.strategies.base import BaseStrategy


class NoStrategy(BaseStrategy):
    label = "None"
