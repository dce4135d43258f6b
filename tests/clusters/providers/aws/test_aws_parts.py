"""Firewalls, load balancers, bakes and instances at AWS, where they differ from the contract's common ground."""

from __future__ import annotations

import pytest

from clusters.core.values import (
    BakeRequest,
    BakeState,
    Capacity,
    Health,
    HealthCheck,
    Listener,
    LoadBalancerRequest,
    Rule,
    ServerGroupRequest,
)
from clusters.providers.aws import health
from clusters.providers.base import InvalidRequest, Throttled
from tests.clouds import ACCOUNT, wait_until
from tests.moto_world import REGIONS, Moto

REGION = REGIONS[0]


@pytest.fixture(autouse=True)
def account(aws: Moto) -> None:
    aws.add_account(ACCOUNT)


def test_rules_by_group_and_by_ipv6_are_kept_and_those_without_words_are_left_alone(aws: Moto) -> None:
    firewalls, ec2 = aws.cloud.security_groups, aws.client("ec2")
    firewalls.upsert(ACCOUNT, REGION, "web", ())
    rules = (Rule("", 8080, 8080, group="web"), Rule("2001:db8::/32", 443, 443), Rule("10.0.0.0/8", 0, 65535, "all"))
    made = firewalls.upsert(ACCOUNT, REGION, "api", rules)
    assert made.rules == rules
    ping = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    ec2.authorize_security_group_ingress(GroupId=made.id, IpPermissions=[ping])
    changed = firewalls.upsert(ACCOUNT, REGION, "api", rules[:1])
    assert changed.rules == rules[:1]
    [raw] = ec2.describe_security_groups(GroupIds=[made.id])["SecurityGroups"]
    assert {permission["IpProtocol"] for permission in raw["IpPermissions"]} == {"tcp", "icmp"}
    with pytest.raises(InvalidRequest) as error:
        firewalls.upsert(ACCOUNT, REGION, "api", (Rule("", 80, 80, group="none"),))
    assert error.value.field == "securityGroups"


def test_a_load_balancer_that_was_cut_short_is_finished_and_its_kind_stays(aws: Moto) -> None:
    request = LoadBalancerRequest(REGION, "shop", Listener(80), HealthCheck(path="/health", interval=0.5))
    for action in ("CreateLoadBalancer", "CreateTargetGroup", "CreateListener"):
        aws.world.fails(broken_after=1.0, only=(action,))
        with pytest.raises(Exception, match="InternalFailure"):
            aws.cloud.load_balancers.upsert(ACCOUNT, request)
    aws.world.fails()
    made = aws.cloud.load_balancers.upsert(ACCOUNT, request)
    assert (made.health_check.path, made.health_check.interval, made.health_check.healthy_threshold) == (
        "/health",
        5,
        2,
    )
    elbv2 = aws.client("elbv2")
    assert len(elbv2.describe_load_balancers()["LoadBalancers"]) == 1
    assert len(elbv2.describe_target_groups()["TargetGroups"]) == 1
    with pytest.raises(InvalidRequest) as error:
        aws.cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "shop", Listener(80, "TCP")))
    assert error.value.field == "listener.protocol"
    with pytest.raises(InvalidRequest):
        aws.cloud.load_balancers.upsert(
            ACCOUNT, LoadBalancerRequest(REGION, "shop", Listener(80), HealthCheck(is_enabled=False))
        )
    tcp = LoadBalancerRequest(REGION, "net", Listener(25, "TCP"), HealthCheck("TCP"))
    assert aws.cloud.load_balancers.upsert(ACCOUNT, tcp).listener == Listener(25, "TCP")
    aws.cloud.load_balancers.delete(ACCOUNT, REGION, "shop")
    aws.cloud.load_balancers.delete(ACCOUNT, REGION, "net")
    assert elbv2.describe_load_balancers()["LoadBalancers"] == []


def test_a_bake_that_cannot_install_its_package_fails_with_the_builders_words(aws: Moto) -> None:
    images = aws.cloud.images
    bake = images.start_bake(ACCOUNT, BakeRequest(REGION, "hello", "9.9.9"), "one")

    def look() -> str:
        now = images.bake(ACCOUNT, REGION, bake.id)
        return now.message if now.state is BakeState.FAILED else ""

    assert "E: Version '9.9.9' for 'hello' was not found" in wait_until(look)
    aws.world.packages.add(("hello", "9.9.9"))
    again = images.start_bake(ACCOUNT, BakeRequest(REGION, "hello", "9.9.9"), "two")
    assert again.id != bake.id
    assert wait_until(lambda: images.bake(ACCOUNT, REGION, again.id).image)


def test_an_equal_bake_under_way_is_joined_and_its_builder_ends(aws: Moto) -> None:
    aws.world.packages.add(("hello", "1.0"))
    images, request = aws.cloud.images, BakeRequest(REGION, "hello", "1.0")
    first, second = (images.start_bake(ACCOUNT, request, token) for token in ("one", "two"))
    assert first.id == second.id
    wait_until(lambda: images.bake(ACCOUNT, REGION, first.id).image)
    states = [
        instance["State"]["Name"]
        for reservation in aws.client("ec2").describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    ]
    assert states == ["terminated"]


def test_a_base_that_nobody_named_is_refused(aws: Moto) -> None:
    with pytest.raises(InvalidRequest) as error:
        aws.cloud.images.start_bake(ACCOUNT, BakeRequest(REGION, "hello", "1.0", base="windows"), "one")
    assert error.value.field == "baseOs"


def test_a_patch_that_was_cut_short_is_sent_once(aws: Moto) -> None:
    request = ServerGroupRequest(REGION, "hello-v000", aws.base_image(REGION), Capacity(1, 1, 1))
    aws.cloud.server_groups.create(ACCOUNT, request, "one")
    [instance] = wait_until(lambda: aws.cloud.server_groups.get(ACCOUNT, REGION, "hello-v000").instances)
    patch = ACCOUNT, REGION, instance.id, "hello", "2.0", "token"
    aws.world.packages.add(("hello", "2.0"))
    aws.world.fails(throttled=1.0, only=("CreateTags",))
    with pytest.raises(Throttled):
        aws.cloud.instances.patch(*patch)
    aws.world.fails()
    aws.cloud.instances.patch(*patch)
    [command] = aws.client("ssm").list_commands()["Commands"]
    assert 'systemctl restart "$PACKAGE"' in command["Parameters"]["commands"]
    get = lambda: aws.cloud.server_groups.get(ACCOUNT, REGION, "hello-v000")  # noqa: E731
    assert wait_until(lambda: get().patches) == {"hello 2.0": 1}
    aws.cloud.instances.patch(*patch[:4], "9.9", "another")
    [patched] = wait_until(lambda: [one for one in get().instances if one.failed_patches])
    [why] = patched.failed_patches.values()
    assert patched.patched == {}
    assert why.startswith("hello 9.9: RunCommand ")
    assert why.endswith("ended Failed: E: Version '9.9' for 'hello' was not found")


def test_images_of_others_tell_their_package_by_netflixs_tag(aws: Moto) -> None:
    image_id = aws.base_image(REGION)
    tag = {"Key": "appversion", "Value": "hello-1.2.3-h42.5fbc/HELLO-release/42"}
    aws.client("ec2").create_tags(Resources=[image_id], Tags=[tag])
    image = aws.cloud.images.get(ACCOUNT, REGION, image_id)
    assert (image.package, image.version) == ("hello", "1.2.3-h42.5fbc")


def test_an_instance_of_no_group_is_ended_by_ec2(aws: Moto) -> None:
    ec2 = aws.client("ec2")
    made = ec2.run_instances(ImageId=aws.base_image(REGION), MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    for _ in range(2):
        aws.cloud.instances.terminate(ACCOUNT, REGION, made)
    [found] = ec2.describe_instances(InstanceIds=[made])["Reservations"]
    assert found["Instances"][0]["State"]["Name"] == "terminated"


@pytest.mark.parametrize(
    ("stage", "status", "state", "expected"),
    [
        ("InService", "Healthy", "running", Health.UP),
        ("Pending", "Healthy", "pending", Health.STARTING),
        ("Pending:Wait", "Healthy", "running", Health.STARTING),
        ("InService", "Unhealthy", "running", Health.DOWN),
        ("InService", "Healthy", "stopped", Health.DOWN),
        ("Terminating:Wait", "Healthy", "running", Health.DRAINING),
        ("InService", "Healthy", "shutting-down", Health.DRAINING),
        ("Standby", "Healthy", "running", Health.OUT_OF_SERVICE),
    ],
)
def test_auto_scaling_and_ec2_make_one_report(stage: str, status: str, state: str, expected: Health) -> None:
    member = {"LifecycleState": stage, "HealthStatus": status}
    assert health.platform(member, {"State": {"Name": state}}).health is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("healthy", Health.UP),
        ("initial", Health.STARTING),
        ("unhealthy", Health.DOWN),
        ("draining", Health.DRAINING),
        ("unused", Health.OUT_OF_SERVICE),
        ("something new", Health.UNKNOWN),
    ],
)
def test_the_state_of_a_target_is_a_health(state: str, expected: Health) -> None:
    assert health.of_target("web", {"State": state}).health is expected
    assert health.of_target("web", None).health is Health.OUT_OF_SERVICE
