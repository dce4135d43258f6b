from __future__ import annotations

import pytest
from django.db import connection, connections

from tests.faults.ground import Ground
from tests.local_agent import LocalAgent, agent

__all__ = ["agent"]


@pytest.fixture(scope="session")
def prepared(agent: LocalAgent) -> Ground:
    return Ground("", agent).prepare()


@pytest.fixture
def ground(prepared: Ground, transactional_db: None) -> Ground:
    """Ready for cases in forked processes."""
    ground = prepared.on(str(connection.settings_dict["NAME"]))
    connections.close_all()
    return ground
