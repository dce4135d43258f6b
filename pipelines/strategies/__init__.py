"""What becomes of the other server groups of a cluster once a new one is healthy. base.py is what a strategy answers.

To add one: write the file, add its line here, add its Options to Launch (stages/parts/launch.py) and write its test.
"""

from __future__ import annotations

from pipelines.strategies.base import Strategy
from pipelines.strategies.custom import Custom
from pipelines.strategies.highlander import Highlander
from pipelines.strategies.none import NoStrategy
from pipelines.strategies.red_black import RedBlack
from pipelines.strategies.rolling_red_black import RollingRedBlack

STRATEGIES: dict[str, Strategy] = {
    "": NoStrategy(),
    "custom": Custom(),
    "highlander": Highlander(),
    "redblack": RedBlack(),
    "rollingredblack": RollingRedBlack(),
}


def is_done_elsewhere(key: str) -> bool:
    """Whether the strategy's children do everything, in place of the stage's own steps."""
    return isinstance(find(key), Custom)


def find(key: str) -> Strategy:
    """The strategy of that key in any case; an unknown one does nothing, as in Spinnaker."""
    return STRATEGIES.get(key.lower(), STRATEGIES[""])
