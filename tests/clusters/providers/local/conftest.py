from collections.abc import Iterator

import pytest

from clusters.core.values import Image
from tests.clouds import Stage
from tests.clusters.providers.local import app
from tests.local_agent import LocalAgent, agent, own_agent

__all__ = ["agent", "own_agent"]


@pytest.fixture
def stage(agent: LocalAgent) -> Iterator[Stage]:
    stage = Stage(agent.cloud)
    yield stage
    stage.clear()


@pytest.fixture
def own_stage(own_agent: LocalAgent) -> Stage:
    return Stage(own_agent.cloud)


@pytest.fixture
def image(stage: Stage) -> Image:
    return stage.bake("app", "1", app.build())
