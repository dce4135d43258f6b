"""What an instance gets, and what it cannot reach."""

from __future__ import annotations

import os
import subprocess

import pytest

from clusters.core.values import Capacity, Health, Image, ServerGroup, ServerGroupRequest
from clusters.providers.base import Conflict
from tests import processes
from tests.clouds import ACCOUNT, REGION, Stage
from tests.clusters.providers.local import app
from tests.clusters.providers.local.traffic import get
from tests.local_agent import LocalAgent

pytestmark = pytest.mark.xdist_group("agent")


@pytest.fixture
def group(stage: Stage, image: Image) -> ServerGroup:
    environment = {"GREETING": "hi", "PORT": "1", "LD_PRELOAD": "/none.so"}
    return stage.create(ServerGroupRequest(REGION, "app-v000", image.id, Capacity(1, 1, 1), environment=environment))


def test_the_environment_is_what_the_contract_says(agent: LocalAgent, group: ServerGroup) -> None:
    [instance] = group.instances
    facts = get(instance.address, "/facts?read=/etc/hostname&list=/")[1]
    environment = facts["environment"]
    home = environment.pop("HOME")
    environment.pop("LC_CTYPE", None)  # Python's own
    assert environment == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "PORT": instance.address.partition(":")[2],
        "INSTANCE_ID": instance.id,
        "SERVER_GROUP": "app-v000",
        "ZONE": "local-a",
        "PACKAGE": "app",
        "VERSION": "1",
        "GREETING": "hi",
        "LD_PRELOAD": "/none.so",
        "SPINNAKER_MARKER": agent.marker,
    }
    assert home.endswith(instance.id)


@pytest.mark.skipif(os.geteuid() != 0, reason="another user needs root")
def test_an_instance_is_another_user_without_access_to_our_files(agent: LocalAgent, group: ServerGroup) -> None:
    assert agent.health() == {"status": "ok", "isolation": "user"}
    data = agent.data
    read = [data / "agent.sqlite3", data / "agent.lock", agent.socket, f"/proc/{agent.pid}/environ"]
    folders = [data, data / "images", data / "packages", data / "logs", data / "run", data / "haproxy"]
    query = f"/facts?read={','.join(map(str, read))}&list={','.join(map(str, folders))}"
    facts = get(group.instances[0].address, query)[1]
    assert 64000 <= facts["uid"] <= 64999
    assert facts["groups"] == []
    assert set(facts["read"].values()) <= {"PermissionError", "OSError"}
    assert set(facts["list"].values()) == {"PermissionError"}
    assert facts["write_here"] == "PermissionError"
    assert facts["write_home"] is None


def test_what_an_instance_left_behind_ends_with_it(stage: Stage, group: ServerGroup) -> None:
    [instance] = group.instances
    daemon = get(instance.address, "/daemon")[1]
    assert processes.is_running(daemon)
    stage.cloud.instances.terminate(ACCOUNT, REGION, instance.id)
    assert processes.eventually(lambda: not processes.is_running(daemon))


def test_nothing_stays_on_disk_of_a_destroyed_group(agent: LocalAgent, stage: Stage, group: ServerGroup) -> None:
    assert any((agent.data / "instances").iterdir())
    stage.cloud.server_groups.destroy(ACCOUNT, REGION, group.name)
    stage.until_gone(group.name)
    assert list((agent.data / "instances").iterdir()) == []


HUNGRY = """#!/usr/bin/env python3
import http.server, mmap, os
room = mmap.mmap(-1, 4 * 1024**3, prot=0, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # MAP_NORESERVE
print("reserves 4 GiB", flush=True)
try:
    eaten = bytearray(200 * 1024**2)
except MemoryError:
    print("may not have 200 MiB", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@pytest.mark.parametrize(("mib", "is_held"), [("100", True), ("0", False)])
def test_an_instance_may_take_only_so_much_memory(mib: str, is_held: bool) -> None:
    agent = LocalAgent(os.getpid(), SPINNAKER_INSTANCE_MEMORY_MIB=mib)
    agent.start()
    try:
        stage = Stage(agent.cloud)
        image = stage.bake("hungry", "1", app.packed(HUNGRY))
        request = ServerGroupRequest(REGION, "hungry-v000", image.id, Capacity(1, 1, 1))
        [instance] = stage.create(request).instances
        log = stage.cloud.instances.log(ACCOUNT, REGION, instance.id)
        assert "reserves 4 GiB" in log
        assert ("may not have 200 MiB" in log) is is_held
    finally:
        agent.remove()


#: A user who is mapped to nobody may make no namespace of their own, and is not root.
NOBODY = ("unshare", "--user")


def agent_of_nobody(**environ: str) -> LocalAgent:
    if subprocess.run([*NOBODY, "true"], check=False).returncode:
        pytest.skip("this host allows no user namespace, so none can be made to take that away in")
    agent = LocalAgent(os.getpid(), NOBODY, **environ)
    agent.start()
    return agent


def test_nothing_is_started_where_the_host_allows_no_isolation() -> None:
    agent = agent_of_nobody()
    try:
        assert agent.health() == {"status": "ok", "isolation": "none"}
        stage = Stage(agent.cloud)
        request = ServerGroupRequest(REGION, "app-v000", stage.bake("app", "1", app.build()).id, Capacity(1, 1, 1))
        with pytest.raises(Conflict, match="SPINNAKER_UNISOLATED=1"):
            stage.create(request)
        assert stage.names() == []
    finally:
        agent.remove()


def test_unless_somebody_says_that_it_may() -> None:
    agent = agent_of_nobody(SPINNAKER_UNISOLATED="1")
    try:
        stage = Stage(agent.cloud)
        request = ServerGroupRequest(REGION, "app-v000", stage.bake("app", "1", app.build()).id, Capacity(1, 1, 1))
        assert stage.create(request).count(Health.UP) == 1
    finally:
        agent.remove()
