"""The same stages on real processes behind a real HAProxy, some of them under constant traffic."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from clusters.core.values import Capacity, Health, Image, ServerGroup, ServerGroupRequest
from clusters.models import Account, Application, AuditEntry
from clusters.providers import PROVIDERS
from clusters.trust.permissions import Actor, actor_of
from pipelines import operations
from pipelines.engine.drive import drive
from pipelines.models import Execution, Stage
from tests import clouds
from tests.clouds import ACCOUNT, REGION
from tests.clusters.providers.local import app
from tests.clusters.providers.local.traffic import Traffic, can_connect, get
from tests.local_agent import LocalAgent, agent  # noqa: F401

pytestmark = pytest.mark.xdist_group("agent")

PLACE = {"credentials": ACCOUNT, "cloudProvider": "local"}
HERE = {**PLACE, "region": REGION}
BALANCER = {
    **HERE, "type": "upsertLoadBalancer", "loadBalancerName": "shop-web", "listeners": [{"externalPort": 0}],
    "healthCheck": "HTTP:80/health", "healthInterval": 0.2, "healthTimeout": 0.5, "healthyThreshold": 1,
}  # fmt: skip
CLUSTER = {
    "account": ACCOUNT, "application": "shop", "stack": "web", "region": REGION, "cloudProvider": "local",
    "capacity": {"min": 1, "desired": 1, "max": 2},
}  # fmt: skip


@dataclass
class Site:
    stage: clouds.Stage
    actor: Actor
    application: Application

    def run(self, *stages: dict, seconds: float = 60) -> Execution:
        """In sequence, with all that they start, as a worker would: each execution when it is due."""
        jobs = [
            {"refId": str(n), "requisiteStageRefIds": [str(n - 1)] if n > 1 else [], "name": f"{n}", **stage}
            for n, stage in enumerate(stages, start=1)
        ]
        execution = operations.run_task(self.actor, self.application, "Try", jobs)
        until = time.monotonic() + seconds
        while execution.ended_at is None:
            assert time.monotonic() < until, [
                (stage.name, stage.status, [step.waiting_for for step in stage.steps.all()])
                for stage in Stage.objects.exclude(status="SUCCEEDED")
            ]
            for open_one in Execution.objects.filter(ended_at=None):
                drive(open_one.pk)
            execution.refresh_from_db()
            time.sleep(0.05)
        return execution

    def done(self, *stages: dict) -> Execution:
        execution = self.run(*stages)
        assert execution.status == "SUCCEEDED", execution.message
        return execution

    def group(self, name: str) -> ServerGroup:
        return self.stage.get(name)


@pytest.fixture
def site(agent: LocalAgent, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:  # noqa: F811
    monkeypatch.setitem(PROVIDERS, "local", agent.cloud)
    Account.objects.create(name=ACCOUNT, provider="local", regions=[REGION])
    shop = Application.objects.create(name="shop")
    stage = clouds.Stage(agent.cloud)
    yield Site(stage, actor_of(get_user_model().objects.create_superuser("ada")), shop)
    stage.clear()


@pytest.fixture
def image(site: Site) -> Image:
    return site.stage.bake("app", "1", app.build())


def balanced(site: Site, image: Image, size: int = 2, **more: Any) -> tuple[str, list[str]]:
    """(address of the load balancer, ids of the instances behind it)."""
    address = site.done(BALANCER).stages.get().context["targets"][0]["dnsName"]
    request = ServerGroupRequest(REGION, "shop-web-v000", image.id, Capacity(0, size, 4), ("shop-web",), **more)
    return address, [instance.id for instance in site.stage.create(request).instances]


def test_instances_are_taken_out_put_back_restarted_and_ended_without_a_failed_request(site: Site, image: Image):
    address, (first, second) = balanced(site, image)
    about = HERE | {"instanceIds": [first]}
    behind = about | {"loadBalancerNames": ["shop-web"]}
    with Traffic(address) as traffic:
        site.done(behind | {"type": "deregisterInstancesFromLoadBalancer"})
        served = traffic.served[first]
        time.sleep(0.3)
        assert traffic.served[first] == served
        site.done(behind | {"type": "registerInstancesWithLoadBalancer"})
        launched = {i.id: i.launched_at for i in site.group("shop-web-v000").instances}
        site.done(about | {"type": "rebootInstances"})
        again = {i.id: i.launched_at for i in site.group("shop-web-v000").instances}
        assert again[first] > launched[first]
        assert again[second] == launched[second]
        site.done(about | {"type": "terminateInstances"})
        site.stage.until("shop-web-v000", lambda group: group.count(Health.UP) == 2)
    assert traffic.failures == []
    assert first not in {i.id for i in site.group("shop-web-v000").instances}
    actions = set(AuditEntry.objects.filter(object_type="instance", actor="ada").values_list("action", flat=True))
    assert actions == {f"instance.{kind}" for kind in ("deregister", "register", "reboot", "terminate")}


def test_an_instance_that_is_not_there_or_not_behind_the_balancer_is_told(site: Site, image: Image):
    _, (first, _) = balanced(site, image)
    unknown = site.run(HERE | {"type": "rebootInstances", "instanceIds": ["i-0000000000000000"]})
    assert "there is no instance i-0000000000000000 in local of acme. Nothing was changed." in unknown.message
    other = {"type": "registerInstancesWithLoadBalancer", "loadBalancerNames": ["other"], "instanceIds": [first]}
    assert "shop-web-v000 is not behind load balancer 'other'" in site.run(HERE | other).message


def test_a_server_group_with_launch_suspended_does_not_replace_what_ends(site: Site, image: Image):
    _, (first, _) = balanced(site, image)
    processes = HERE | {"type": "modifyAwsScalingProcess", "serverGroupName": "shop-web-v000"}
    hold = processes | {"action": "suspend", "processes": ["Launch"]}
    site.done(hold, HERE | {"type": "terminateInstances", "instanceIds": [first]})
    site.stage.stays("shop-web-v000", lambda group: len(group.instances) == 1)
    site.done(hold, processes | {"action": "resume"})  # holds nothing more, so nothing is let go
    assert site.group("shop-web-v000").suspended_processes == {"Launch"}
    site.done(processes | {"action": "resume", "processes": ["Launch"]})
    site.stage.until("shop-web-v000", lambda group: group.count(Health.UP) == 2)


def test_what_is_launched_while_add_to_load_balancer_is_suspended_takes_no_traffic(site: Site, image: Image):
    address, (first, second) = balanced(site, image, health_check_grace_seconds=0)
    processes = HERE | {"type": "modifyAwsScalingProcess", "serverGroupName": "shop-web-v000"}
    suspend, resume = processes | {"action": "suspend"}, processes | {"action": "resume"}
    site.done(
        suspend | {"processes": ["AddToLoadBalancer", "ReplaceUnhealthy"]},
        HERE | {"type": "terminateInstances", "instanceIds": [first]},
    )
    site.stage.until("shop-web-v000", lambda group: group.count(Health.OUT_OF_SERVICE) == group.count(Health.UP) == 1)
    with Traffic(address) as traffic:
        time.sleep(0.3)
    assert (set(traffic.served), traffic.failures) == ({second}, [])
    [at] = [i.address for i in site.group("shop-web-v000").instances if i.id == second]
    assert get(at, "/sicken")[0] == 200
    site.stage.until("shop-web-v000", lambda group: group.count(Health.DOWN) == 1)
    site.stage.stays("shop-web-v000", lambda group: second in {i.id for i in group.instances})
    site.done(resume | {"processes": ["ReplaceUnhealthy"]})
    site.stage.until("shop-web-v000", lambda group: second not in {i.id for i in group.instances})
    wrong = site.run(suspend | {"processes": ["Launch", "AZRebalance"]})
    assert "there is no process 'AZRebalance' here, only AddToLoadBalancer, HealthCheck, Launch," in wrong.message
    assert "Launch" not in site.group("shop-web-v000").suspended_processes


def test_a_firewall_lets_in_whom_its_rules_name_and_both_go_when_nothing_uses_them(site: Site, image: Image):
    rules = [{"cidr": "127.0.0.2/32", "type": "tcp", "startPort": 1, "endPort": 65535}]
    firewall = HERE | {"type": "upsertSecurityGroup", "securityGroupName": "shop-office", "ipIngress": rules}
    address, _ = balanced(site, image, size=1)
    site.done(firewall, BALANCER | {"securityGroups": ["shop-office"]})
    assert can_connect(address, "127.0.0.2")
    assert not can_connect(address, "127.0.0.3")
    site.done(firewall | {"ipIngress": [rules[0] | {"cidr": "127.0.0.3/32"}]})
    assert can_connect(address, "127.0.0.3")
    assert not can_connect(address, "127.0.0.2")
    deletions = (
        PLACE | {"type": "deleteLoadBalancer", "loadBalancerName": "shop-web", "regions": [REGION]},
        PLACE | {"type": "deleteSecurityGroup", "securityGroupName": "shop-office", "regions": [REGION]},
    )
    assert "load balancer shop-web is used by server group shop-web-v000" in site.run(deletions[0]).message
    assert "security group shop-office is used by load balancer shop-web" in site.run(deletions[1]).message
    destroy = HERE | {"type": "destroyServerGroup", "serverGroupName": "shop-web-v000"}
    site.done(destroy, *deletions)
    assert site.stage.cloud.load_balancers.list(ACCOUNT, REGION) == []
    assert site.stage.cloud.security_groups.list(ACCOUNT, REGION) == []


def test_an_edited_health_check_decides_and_a_wrong_one_is_told(site: Site, image: Image):
    balanced(site, image, size=1)
    site.done(BALANCER | {"healthCheck": "HTTP:80/nowhere", "healthCheckEnabled": True, "unhealthyThreshold": 1})
    site.stage.until("shop-web-v000", lambda group: group.count(Health.UP) == 1)  # it answers everything
    wrong = site.run(BALANCER | {"healthInterval": 0})
    assert "healthCheck.interval: is not between 0.1 and 300 seconds. Nothing was changed." in wrong.message
    assert "'HTTPS' is not HTTP or TCP" in site.run(BALANCER | {"healthCheck": "HTTPS:443/"}).message


def test_a_tagged_image_goes_through_another_pipeline_is_cloned_and_counted(site: Site, image: Image):
    deploy = {"refId": "1", "type": "deploy", "clusters": [CLUSTER]}
    document = json.dumps({"name": "Deploy", "id": "deploy-web", "stages": [deploy]})
    operations.save_pipeline(site.actor, site.application, document)
    tag = f"for-{time.time_ns()}"
    clone = HERE | {"type": "cloneServerGroup", "stack": "web", "strategy": "redblack"}
    size = {"type": "clusterSize", "context": {"cluster": "shop-web", "credentials": ACCOUNT, "regions": [REGION]}}
    size["context"] |= {"comparison": "==", "expected": 2}
    site.done(
        PLACE | {"type": "upsertImageTags", "imageNames": [image.name], "regions": [REGION], "tags": {"use": tag}},
        PLACE | {"type": "findImageFromTags", "packageName": "app", "tags": {"use": tag}, "regions": [REGION]},
        {"type": "pipeline", "application": "shop", "pipeline": "deploy-web"},
        clone,
        {"type": "checkPreconditions", "preconditions": [size]},
    )
    first, second = site.group("shop-web-v000"), site.group("shop-web-v001")
    assert first.image_id == second.image_id == image.id
    assert (first.is_disabled, second.is_disabled) == (True, False)
    assert second.count(Health.UP) == 1
    run = Execution.objects.get(pipeline_id="deploy-web")
    assert run.trigger["parentExecution"]["name"] == "Try"

    find = HERE | {"type": "findImage", "cluster": "shop-web", "imageNamePattern": f"{image.name[:4]}.+"}
    site.done(find)
    other = site.run(find | {"imageNamePattern": "web-.*"}).message
    assert f"imageNamePattern: 'web-.*' does not match {image.name!r} ({image.id}), the image of shop-web-v001" in other

    wrong = {"type": "checkPreconditions", "preconditions": [size | {"context": size["context"] | {"expected": 3}}]}
    assert "Expected == 3 server groups of shop-web in local, found 2" in site.run(wrong).message
    missing = PLACE | {"type": "findImageFromTags", "packageName": "app", "tags": {"use": "none"}, "regions": [REGION]}
    assert "Could not find tagged image for package: app and tags: use=none" in site.run(missing).message
    built_in = {"type": "upsertImageTags", "imageNames": ["none"], "regions": [REGION], "tags": {"a": "b"}}
    assert "There is no image to tag: none in local." in site.run(PLACE | built_in).message


def test_a_pipeline_that_fails_below_fails_the_stage_and_a_cancel_reaches_it(site: Site, image: Image):
    broken = {"refId": "1", "type": "deploy", "clusters": [CLUSTER | {"imageId": "img-000000000000"}]}
    waits = {"refId": "1", "type": "wait", "waitTime": 600}
    for name, stage in (("Broken", broken), ("Waits", waits)):
        operations.save_pipeline(site.actor, site.application, json.dumps({"name": name, "stages": [stage]}))
    failed = site.run({"type": "pipeline", "pipeline": "Broken"})
    assert failed.status == "TERMINAL"
    assert "Broken #1 ended as TERMINAL" in failed.message
    assert "img-000000000000" in failed.message
    call = {"type": "pipeline", "name": "Call", "pipeline": "Waits", "refId": "1", "requisiteStageRefIds": []}
    parent = operations.run_task(site.actor, site.application, "Long", [call])
    drive(parent.pk)
    operations.cancel(site.actor, parent)
    for execution in (parent, Execution.objects.get(name="Waits")):
        drive(execution.pk)
        execution.refresh_from_db()
        assert execution.status == "CANCELED"
