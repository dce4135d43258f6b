"""Why an operation was not done, apart from Refused (clusters.trust.permissions)."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.core.definition import Problem
from pipelines.engine.speak import Conflict


class InvalidInput(Exception):
    """What was given cannot be taken; each problem names its path."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in self.problems))


class TooOften(Exception):
    """The same was asked too many times in a row; the message says how often it may be."""


__all__ = ["Conflict", "InvalidInput", "TooOften"]
