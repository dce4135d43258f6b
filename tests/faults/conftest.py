from __future__ import annotations

import pytest
from django.db import connection, connections

from tests.faults.case import Case, Played, play_all
from tests.faults.ground import Ground
from tests.local_agent import LocalAgent, agent

__all__ = ["agent"]


@pytest.fixture(scope="session")
def prepared(agent: LocalAgent, tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground("", agent, tmp_path_factory.mktemp("faults")).prepare()


@pytest.fixture
def ground(prepared: Ground, transactional_db: None) -> Ground:
    """Ready for cases in forked processes."""
    ground = prepared.on(str(connection.settings_dict["NAME"]))
    connections.close_all()
    return ground


@pytest.fixture(scope="session")
def recordings() -> list[Played]:
    return []


@pytest.fixture
def recording(ground: Ground, recordings: list[Played]) -> Played:
    """A run without a fault: its points are where others fail, its ledger is what they must come to."""
    if not recordings:
        recordings += play_all(ground, [Case("recording")])
    return recordings[0]
