"""What clients of a load balancer notice: nothing, unless a rule says so."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from dataclasses import replace

import pytest

from clusters.core.values import (
    Capacity,
    Health,
    HealthCheck,
    Image,
    Listener,
    LoadBalancerRequest,
    Process,
    Rule,
    ServerGroupRequest,
)
from clusters.providers.base import InvalidRequest
from clusters.providers.local.agent import ports
from tests import processes
from tests.clouds import ACCOUNT, HEALTH_CHECK, REGION, Stage, wait_until
from tests.clusters.providers.local import app
from tests.clusters.providers.local.traffic import Traffic, can_connect, get
from tests.local_agent import LocalAgent

pytestmark = pytest.mark.xdist_group("agent")
LB = ("web",)


def request_(image: Image, name: str = "app-v000", size: int = 2, **more: object) -> ServerGroupRequest:
    request = ServerGroupRequest(REGION, name, image.id, Capacity(0, size, 10), load_balancers=LB)
    return replace(request, **more)


def pid_of(marker: str, instance: str) -> int:
    [pid] = [pid for pid in processes.carrying(marker) if f"INSTANCE_ID={instance}" in environment(pid)]
    return pid


def environment(pid: int) -> list[str]:
    with open(f"/proc/{pid}/environ") as file:
        return file.read().split("\0")


def test_a_rule_lets_one_source_in_and_no_other(stage: Stage, image: Image) -> None:
    stage.cloud.security_groups.upsert(ACCOUNT, REGION, "only-two", (Rule("127.0.0.2/32", 1, 65535),))
    address = stage.balancer("web", security_groups=("only-two",)).address
    stage.create(request_(image, size=1))
    assert can_connect(address, "127.0.0.2")
    assert not can_connect(address, "127.0.0.3")

    stage.cloud.security_groups.upsert(ACCOUNT, REGION, "only-two", (Rule("127.0.0.3/32", 1, 65535),))
    assert not can_connect(address, "127.0.0.2")
    assert can_connect(address, "127.0.0.3")

    stage.cloud.security_groups.upsert(ACCOUNT, REGION, "only-two", (Rule("127.0.0.0/8", 1, 1024),))
    assert not can_connect(address, "127.0.0.2")
    stage.cloud.security_groups.upsert(ACCOUNT, REGION, "only-two", ())
    assert not can_connect(address, "127.0.0.2")
    stage.balancer("web")
    assert can_connect(address, "127.0.0.2")
    assert can_connect(address, "127.0.0.3")


def test_a_health_check_is_edited_and_switched_off_and_on_without_a_failed_request(stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    group = stage.create(request_(image))
    with Traffic(address) as traffic:
        stage.balancer("web", HealthCheck(path="/", interval=0.3, unhealthy_threshold=3))
        time.sleep(0.5)
        stage.balancer("web", replace(HEALTH_CHECK, is_enabled=False))
        time.sleep(0.5)
        stage.balancer("web", HealthCheck("TCP", interval=0.2))
        time.sleep(0.5)
        stage.balancer("web")
        stage.until(group.name, lambda group: group.count(Health.UP) == 2)
    assert traffic.failures == []
    assert len(traffic.served) == 2


def test_an_edited_check_decides_from_then_on(stage: Stage, image: Image) -> None:
    stage.balancer("web", replace(HEALTH_CHECK, path="/"))
    group = stage.create(request_(image, size=1))
    _, _, port = group.instances[0].address.partition(":")
    get(f"127.0.0.1:{port}", "/sicken")
    stage.until(group.name, lambda group: group.count(Health.UP) == 1)
    stage.balancer("web")
    stage.until(
        group.name, lambda group: "HTTP 503 on /health" in {report.reason for report in group.instances[0].reports}
    )
    stage.until(group.name, lambda group: group.count(Health.DOWN) == 1)
    stage.balancer("web", replace(HEALTH_CHECK, is_enabled=False))
    stage.until(group.name, lambda group: group.count(Health.UP) == 1)


def answering(address: str) -> set[str]:
    """The instances that ten requests in a row reach."""
    return {get(address)[2] for _ in range(10)}


def test_who_gets_requests_follows_each_edit_of_the_check(stage: Stage, image: Image) -> None:
    """Path, protocol, both thresholds, off and on: with an instance that serves, but calls itself sick."""
    slow = replace(HEALTH_CHECK, interval=0.5)
    address = stage.balancer("web").address
    group = stage.create(request_(image))
    sick, well = (instance.id for instance in group.instances)
    own = group.instances[0].address

    def edit(check: HealthCheck, expected: set[str]) -> None:
        stage.balancer("web", check)
        wait_until(lambda: answering(address) == expected)

    stage.cloud.server_groups.suspend(ACCOUNT, REGION, group.name, frozenset({Process.REPLACE_UNHEALTHY.value}))
    get(own, "/sicken")
    for check in (replace(HEALTH_CHECK, path="/"), HealthCheck("TCP", interval=0.2), replace(slow, is_enabled=False)):
        edit(HEALTH_CHECK, {well})
        edit(check, {sick, well})
    edit(replace(slow, healthy_threshold=20), {well})
    get(own, "/heal")
    time.sleep(1.2)
    assert answering(address) == {well}
    edit(replace(slow, unhealthy_threshold=20), {sick, well})
    get(own, "/sicken")
    time.sleep(1.2)
    assert answering(address) == {sick, well}
    edit(replace(slow, unhealthy_threshold=1), {well})


def test_the_protocol_of_a_listener_is_edited_and_back_without_a_failed_request(stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    group = stage.create(request_(image))
    port = int(address.rpartition(":")[2])
    with Traffic(address) as traffic:
        for protocol in ("TCP", "HTTP"):
            request = LoadBalancerRequest(REGION, "web", Listener(port, protocol), HEALTH_CHECK)
            assert stage.cloud.load_balancers.upsert(ACCOUNT, request).listener.protocol == protocol
            time.sleep(0.5)
            stage.until(group.name, lambda group: group.count(Health.UP) == 2)
    assert traffic.failures == []
    assert len(traffic.served) == 2


def two_ports() -> tuple[int, int]:
    first = ports.choose(ports.LISTENER_PORTS, ())
    return first, ports.choose(ports.LISTENER_PORTS, {first})


def test_each_listener_leads_to_the_same_instances_and_one_can_be_taken_away(stage: Stage, image: Image) -> None:
    first, second = two_ports()
    request = LoadBalancerRequest(REGION, "web", Listener(first), HEALTH_CHECK, more_listeners=(Listener(second),))
    stage.cloud.load_balancers.upsert(ACCOUNT, request)
    group = stage.create(request_(image))
    ids = {instance.id for instance in group.instances}
    assert answering(f"127.0.0.1:{first}") == answering(f"127.0.0.1:{second}") == ids
    with Traffic(f"127.0.0.1:{second}") as traffic:
        stage.cloud.load_balancers.upsert(ACCOUNT, replace(request, listener=Listener(second), more_listeners=()))
        wait_until(lambda: not can_connect(f"127.0.0.1:{first}", "127.0.0.1"))
    assert traffic.failures == []


def test_a_rule_opens_the_ports_of_its_range_by_its_protocol_and_no_other(stage: Stage, image: Image) -> None:
    low, high = (f"127.0.0.1:{port}" for port in sorted(two_ports()))
    low_port, high_port = (int(address.rpartition(":")[2]) for address in (low, high))

    def allow(*rules: Rule) -> None:
        stage.cloud.security_groups.upsert(ACCOUNT, REGION, "range", rules)

    def open_now() -> list[bool]:
        return [can_connect(address, "127.0.0.1") for address in (low, high)]

    allow()
    request = LoadBalancerRequest(
        REGION, "web", Listener(low_port), HEALTH_CHECK, ("range",), more_listeners=(Listener(high_port),)
    )
    stage.cloud.load_balancers.upsert(ACCOUNT, request)
    stage.create(request_(image, size=1))
    assert open_now() == [False, False]
    for ports_, expected in (
        ((low_port, high_port), [True, True]),
        ((low_port, low_port), [True, False]),
        ((low_port + 1, high_port), [False, True]),
        ((high_port + 1, 65535), [False, False]),
    ):
        for protocol in ("tcp", "all"):
            allow(Rule("127.0.0.0/8", *ports_, protocol))
            assert open_now() == expected, (ports_, protocol)
    with pytest.raises(InvalidRequest, match="carry TCP alone") as error:
        allow(Rule("127.0.0.0/8", low_port, high_port, "udp"))
    assert error.value.field == "rules"
    assert open_now() == [False, False]


def test_a_zone_that_is_taken_out_gets_no_requests(stage: Stage, image: Image) -> None:
    """Out of the load balancer, and out of a server group's successor."""
    address = stage.balancer("web").address
    port = int(address.rpartition(":")[2])
    zones = {"availabilityZones": {REGION: ["local-a", "local-b"]}}
    both = stage.create(request_(image, size=4, extra=zones))
    assert sorted(instance.zone for instance in both.instances) == ["local-a", "local-a", "local-b", "local-b"]

    def answer() -> set[str]:
        return {get(address, "/zone")[1] for _ in range(10)}

    def serve(*served: str) -> None:
        request = LoadBalancerRequest(REGION, "web", Listener(port), HEALTH_CHECK, zones=served)
        assert stage.cloud.load_balancers.upsert(ACCOUNT, request).zones == served

    assert answer() == {"local-a", "local-b"}
    with Traffic(address) as traffic:
        serve("local-b", "local-c")
        out = stage.until(both.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 2)
        assert {one.zone for one in out.instances if one.health is Health.OUT_OF_SERVICE} == {"local-a"}
        assert "does not serve zone local-a" in {report.reason for one in out.instances for report in one.reports}
        assert answer() == {"local-b"}
        serve("local-a", "local-b")
        stage.until(both.name, lambda group: group.count(Health.UP) == 4)
        assert answer() == {"local-a", "local-b"}
        stage.create(request_(image, "app-v001", extra={"availabilityZones": {REGION: ["local-b"]}}))
        stage.cloud.server_groups.disable(ACCOUNT, REGION, both.name)
        stage.until(both.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 4)
        assert answer() == {"local-b"}
    assert traffic.failures == []


def test_red_black_costs_no_request(stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    red = stage.create(request_(image, "app-v000"))
    with Traffic(address) as traffic:
        black = stage.create(request_(image, "app-v001", environment={"READY_AFTER": "1"}))
        stage.cloud.server_groups.disable(ACCOUNT, REGION, red.name)
        stage.until(red.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 2)
        before = {instance.id: traffic.served[instance.id] for instance in red.instances}
        time.sleep(0.5)
        assert before == {instance.id: traffic.served[instance.id] for instance in red.instances}
        stage.cloud.server_groups.enable(ACCOUNT, REGION, red.name)
        stage.until(red.name, lambda group: group.count(Health.UP) == 2)
        stage.cloud.server_groups.destroy(ACCOUNT, REGION, red.name)
        stage.until_gone(red.name)
        stage.cloud.server_groups.resize(ACCOUNT, REGION, black.name, Capacity(0, 1, 2))
        stage.until(black.name, lambda group: len(group.instances) == 1)
    assert traffic.failures == []
    assert len(traffic.served) == 4


def test_a_request_under_way_is_finished_before_its_instance_ends(stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    group = stage.create(request_(image, size=1))
    answers: list[int] = []
    slow = threading.Thread(target=lambda: answers.append(get(address, "/slow?seconds=2")[0]))
    slow.start()
    time.sleep(0.3)
    stage.cloud.instances.terminate(ACCOUNT, REGION, group.instances[0].id)
    slow.join(10)
    assert answers == [200]


def test_a_new_instance_gets_traffic_only_once_its_check_passes(stage: Stage, image: Image) -> None:
    address = stage.balancer("web", replace(HEALTH_CHECK, interval=0.5)).address
    stage.create(request_(image, "app-v000", size=1))
    with Traffic(address, "/health") as traffic:
        stage.create(request_(image, "app-v001", size=2, environment={"READY_AFTER": "1.5"}))
    assert traffic.failures == []


def test_a_killed_instance_costs_no_repeatable_request_and_is_replaced(
    agent: LocalAgent, stage: Stage, image: Image
) -> None:
    address = stage.balancer("web").address
    group = stage.create(request_(image))
    victim = group.instances[0].id
    with Traffic(address) as traffic:
        time.sleep(0.3)
        os.kill(pid_of(agent.marker, victim), signal.SIGKILL)
        stage.until(
            group.name,
            lambda group: group.count(Health.UP) == 2 and victim not in {instance.id for instance in group.instances},
        )
    assert traffic.failures == []


def test_a_failing_instance_is_replaced_after_its_grace_unless_that_is_suspended(stage: Stage, image: Image) -> None:
    stage.balancer("web")
    group = stage.create(request_(image, size=1, health_check_grace_seconds=0))
    sick = group.instances[0]
    replacing = frozenset({Process.REPLACE_UNHEALTHY.value})
    stage.cloud.server_groups.suspend(ACCOUNT, REGION, group.name, replacing)
    get(sick.address, "/sicken")
    stage.until(group.name, lambda group: group.count(Health.DOWN) == 1)
    stage.stays(group.name, lambda group: [instance.id for instance in group.instances] == [sick.id])
    stage.cloud.server_groups.resume(ACCOUNT, REGION, group.name, replacing)
    stage.until(group.name, lambda group: group.count(Health.UP) == 1 and group.instances[0].id != sick.id)


def test_a_crashing_application_does_not_spin(stage: Stage, image: Image) -> None:
    request = request_(image, size=1, load_balancers=(), environment={"CRASH": "1"})
    stage.cloud.server_groups.create(ACCOUNT, request, "token")
    seen: set[str] = set()
    began = time.monotonic()

    def look() -> bool:
        seen.update(instance.id for instance in stage.get(request.name).instances)
        return len(seen) == 3

    wait_until(look, seconds=30)
    assert time.monotonic() - began > 2.5  # one second before the second, two before the third
    logs = [stage.cloud.instances.log(ACCOUNT, REGION, instance) for instance in seen]
    assert "crashed on purpose" in "".join(logs)


def test_a_tcp_listener_balances_as_well(stage: Stage, image: Image) -> None:
    check = HealthCheck("TCP", interval=0.2)
    made = stage.cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "web", Listener(0, "TCP"), check))
    stage.create(request_(image))
    assert {get(made.address)[2] for _ in range(10)} == {i.id for i in stage.get("app-v000").instances}


@pytest.mark.parametrize("path", ["/he'alth", "/a b", "/a\n  bind *:1", "/a#b", '/"', "/\\"])
def test_a_path_that_would_write_configuration_is_refused(stage: Stage, path: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        stage.balancer("web", HealthCheck(path=path))
    assert error.value.field == "healthCheck.path"


def test_haproxy_comes_back_when_it_dies(agent: LocalAgent, stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    stage.create(request_(image, size=1))
    for pid in processes.carrying(agent.marker):
        with open(f"/proc/{pid}/comm") as file:
            if file.read().strip() == "haproxy":
                os.kill(pid, signal.SIGKILL)
    wait_until(lambda: can_connect(address, "127.0.0.1"))


def test_a_reboot_starts_another_process_and_costs_no_request(stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    group = stage.create(request_(image))
    ids = [instance.id for instance in group.instances]
    with Traffic(address) as traffic:
        for instance in ids:
            before = {i.id: i.launched_at for i in stage.get(group.name).instances}[instance]
            stage.cloud.instances.reboot(ACCOUNT, REGION, instance)
            back = stage.until(group.name, lambda group: group.count(Health.UP) == 1)
            back = stage.until(group.name, lambda group: group.count(Health.UP) == 2)
            assert {i.id: i.launched_at for i in back.instances}[instance] > before
    assert traffic.failures == []
    assert [instance.id for instance in stage.get(group.name).instances] == ids


def test_an_instance_leaves_one_of_two_load_balancers_without_a_failed_request(stage: Stage, image: Image) -> None:
    web, other = stage.balancer("web").address, stage.balancer("other").address
    group = stage.create(request_(image, load_balancers=("web", "other")))
    out, stays = (instance.id for instance in group.instances)
    with Traffic(web) as traffic, Traffic(other) as beside:
        stage.cloud.instances.deregister(ACCOUNT, REGION, "web", (out,))
        stage.until(group.name, lambda group: group.count(Health.OUT_OF_SERVICE) == 1)
        served = traffic.served[out]
        time.sleep(0.5)
        assert traffic.served[out] == served
        assert beside.served[out] > 0
    assert traffic.failures == beside.failures == []
    assert traffic.served[stays] > 0


def test_patching_one_instance_after_the_other_costs_no_request(stage: Stage, image: Image) -> None:
    address = stage.balancer("web").address
    group = stage.create(request_(image))
    stage.cloud.packages.put("app", "2", io.BytesIO(app.build(said="patched")))
    with Traffic(address) as traffic:
        for number, instance in enumerate(group.instances, start=1):
            stage.cloud.instances.patch(ACCOUNT, REGION, instance.id, "app", "2", f"patch-{number}")
            stage.until(
                group.name, lambda group, n=number: group.patches == {"app 2": n} and group.count(Health.UP) == 2
            )
    assert traffic.failures == []
    assert {instance.id for instance in stage.get(group.name).instances} == {i.id for i in group.instances}
    assert get(address)[1] == "patched"
