"""Who outlives whom: instances outlive the agent, nobody outlives the launcher."""

from __future__ import annotations

import io
import os
import signal
import socket as sockets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusters.core.values import BakeRequest, Capacity, Health, ServerGroup, ServerGroupRequest
from clusters.providers.local.agent.processes import Processes
from tests import processes
from tests.clouds import ACCOUNT, REGION, Stage, wait_until
from tests.clusters.providers.local import app
from tests.clusters.providers.local.traffic import Traffic, can_connect, get
from tests.local_agent import ROOT, LocalAgent

pytestmark = pytest.mark.xdist_group("agent")


def deploy(stage: Stage) -> tuple[str, ServerGroup]:
    image = stage.bake("app", "1", app.build())
    address = stage.balancer("web").address
    request = ServerGroupRequest(REGION, "app-v000", image.id, Capacity(0, 2, 3), load_balancers=("web",))
    return address, stage.create(request)


def ids(group: ServerGroup) -> set[str]:
    return {instance.id for instance in group.instances}


def named(agent: LocalAgent, word: str) -> list[int]:
    return [pid for pid in agent.leftovers() if word in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_killed_agent_costs_no_request_and_finds_everything_again(own_agent: LocalAgent, own_stage: Stage) -> None:
    address, group = deploy(own_stage)
    bake = own_stage.cloud.images.start_bake(ACCOUNT, BakeRequest(REGION, "app", "1"), "one token")
    with Traffic(address) as traffic:
        own_agent.signal(signal.SIGKILL)
        time.sleep(1)
        own_agent.start()
        found = own_stage.until(group.name, lambda group: group.count(Health.UP) == 2)
        own_stage.cloud.server_groups.resize(ACCOUNT, REGION, group.name, Capacity(0, 3, 3))
        own_stage.until(group.name, lambda group: group.count(Health.UP) == 3)
    assert traffic.failures == []
    assert ids(found) == ids(group)
    assert len(traffic.served) == 3
    assert own_stage.cloud.images.start_bake(ACCOUNT, BakeRequest(REGION, "app", "1"), "one token") == bake


@pytest.mark.parametrize("pause", [0.0, 0.15, 0.4])
def test_a_patch_that_a_killed_agent_left_half_done_is_finished(
    own_agent: LocalAgent, own_stage: Stage, pause: float
) -> None:
    address, group = deploy(own_stage)
    own_stage.cloud.packages.put("app", "2", io.BytesIO(app.build(said="patched")))
    one = group.instances[0].id
    with Traffic(address) as traffic:
        own_stage.cloud.instances.patch(ACCOUNT, REGION, one, "app", "2", "patch-1")
        time.sleep(pause)
        own_agent.signal(signal.SIGKILL)
        own_agent.start()
        found = own_stage.until(group.name, lambda group: group.patches == {"app 2": 1} and group.count(Health.UP) == 2)
    assert traffic.failures == []
    assert {instance.id: instance.patched.get("app") for instance in found.instances}[one] == "2"


def test_an_orderly_stop_leaves_nothing_and_the_next_start_brings_all_back(
    own_agent: LocalAgent, own_stage: Stage
) -> None:
    address, group = deploy(own_stage)
    own_stage.cloud.server_groups.disable(ACCOUNT, REGION, group.name)
    own_stage.until(group.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 2)
    own_stage.cloud.server_groups.enable(ACCOUNT, REGION, group.name)
    began = time.monotonic()
    own_agent.signal(signal.SIGTERM)
    assert time.monotonic() - began < 5
    assert own_agent.leftovers() == []

    own_agent.start()
    back = own_stage.until(group.name, lambda group: group.count(Health.UP) == 2)
    assert ids(back) == ids(group)
    assert can_connect(address, "127.0.0.1")


def test_a_lost_keeper_takes_everything_along_and_all_starts_again(own_agent: LocalAgent, own_stage: Stage) -> None:
    address, group = deploy(own_stage)
    daemon = get(address, "/daemon")[1]
    [keeper] = named(own_agent, "agent.keeper")
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: named(own_agent, "agent.keeper") not in ([], [keeper]))
    own_stage.until(group.name, lambda group: group.count(Health.UP) == 2)
    wait_until(lambda: can_connect(address, "127.0.0.1"))
    os.kill(daemon, signal.SIGKILL)  # left its session and its parents: nobody can know whose it was


def test_a_folder_has_one_agent(agent: LocalAgent) -> None:
    second = subprocess.run(agent.argv, cwd=ROOT, env=agent.env, capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert "Another agent works in" in second.stderr
    assert agent.health()


def test_nothing_outlives_the_launcher() -> None:
    agent = LocalAgent(launcher=None)
    program = (
        "import os, time\n"
        "from pathlib import Path\n"
        "from clusters.providers.local.children import Child, Command\n"
        "env = {**os.environ, 'SPINNAKER_LAUNCHER_PID': str(os.getpid())}\n"
        f"Child(Command(name='agent', argv={agent.argv!r}, env=env, cwd=Path({str(ROOT)!r})))\n"
        "time.sleep(600)\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=agent.env)
    try:
        agent.wait_until_ready()
        address, _ = deploy(Stage(agent.cloud))
        get(address, "/daemon")
        assert len(agent.leftovers()) >= 7  # launcher, agent, keeper, HAProxy, two instances, a daemon
        launcher.kill()
        launcher.wait()
        assert processes.eventually(lambda: agent.leftovers() == [])
    finally:
        launcher.kill()
        agent.remove()


def test_without_a_launcher_nothing_outlives_the_agent_for_long(tmp_path: Path) -> None:
    """The keeper alone, with less patience."""
    socket, marker = tmp_path / "k", f"keeper-{time.time_ns()}"
    program = "from clusters.providers.local.agent import keeper\nkeeper.AGENT_AWAY_SECONDS = 1.0\nkeeper.main()\n"
    env = {"PATH": os.environ["PATH"], "SPINNAKER_MARKER": marker}
    keeper = subprocess.Popen([sys.executable, "-c", program, "--socket", str(socket)], cwd=ROOT, env=env)
    held = Processes(socket, tmp_path / "log")
    wait_until(lambda: socket.exists())
    assert held.connect()
    held.start("sleeper", ["/bin/sleep", "600"], {}, tmp_path, tmp_path / "log")
    assert held.list().pids["sleeper"] in processes.carrying(marker)
    with sockets.socket(sockets.AF_UNIX) as dying_agent:
        dying_agent.connect(str(socket))
        dying_agent.sendall(b'{"do": "no such thing"}\n{"do": "sta')
    time.sleep(1.5)
    assert held.list().pids
    held.disconnect()
    assert processes.eventually(lambda: keeper.poll() is not None)
    assert processes.carrying(marker) == []
