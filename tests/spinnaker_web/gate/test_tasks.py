"""Tasks: one thing to do without a pipeline, as Gate's clients ask for it."""

import pytest
from django.contrib.auth.models import User

from clusters.models import AuditEntry
from clusters.providers.memory import MemoryCloud
from pipelines.models import Execution
from tests.clusters.views.conftest import cloud, shop  # noqa: F401
from tests.pipelines.views.conftest import moved
from tests.spinnaker_web.gate.test_gate import Call, call  # noqa: F401

PLACE = {"cloudProvider": "memory", "credentials": "test"}
FIREWALL = {
    **PLACE, "type": "upsertSecurityGroup", "name": "shop-office", "description": "The office", "region": "local",
    "securityGroupIngress": [], "ipIngress": [{"cidr": "10.0.0.0/8", "type": "tcp", "startPort": 80, "endPort": 443}],
    "user": "somebody@example.org",
}  # fmt: skip
BALANCER = {
    **PLACE, "type": "upsertLoadBalancer", "name": "shop-new", "region": "local", "securityGroups": ["shop-office"],
    "availabilityZones": {"local": []}, "healthCheck": "HTTP:7001/ready", "healthInterval": 10, "healthTimeout": 5,
    "healthyThreshold": 10, "unhealthyThreshold": 2,
    "listeners": [
        {"internalProtocol": "HTTP", "internalPort": 7001, "externalProtocol": "HTTP", "externalPort": 8081}
    ],
}  # fmt: skip


@pytest.fixture
def ana(shop: object) -> User:  # noqa: F811
    return User.objects.get(username="ana")


def task(*jobs: dict, **more: str) -> dict:
    return {"application": "shop", "description": "Open the office", "job": list(jobs), **more}


def test_jobs_run_one_after_the_other_and_the_task_is_followed(call: Call, ana: User, cloud: MemoryCloud):  # noqa: F811
    answer = call(ana, "POST", "/tasks", task(FIREWALL, BALANCER))
    assert answer.status_code == 200, answer.text
    ref = answer.json()["ref"]
    assert ref == f"/tasks/{Execution.objects.get().ulid}"
    assert call(ana, "GET", ref).json()["status"] == "RUNNING"
    moved(Execution.objects.get())
    done = call(ana, "GET", ref).json()
    assert (done["name"], done["application"], done["status"]) == ("Open the office", "shop", "SUCCEEDED")
    assert isinstance(done["endTime"], int)
    assert [(step["name"], step["status"]) for step in done["steps"]] == [
        ("upsertSecurityGroup", "SUCCEEDED"),
        ("upsertLoadBalancer", "SUCCEEDED"),
    ]
    known = {one["key"]: one["value"] for one in done["variables"]}
    assert known["targets"][0]["name"] == "shop-new"
    made = cloud.load_balancers.get("test", "local", "shop-new")
    assert (made.listener.port, made.health_check.path, made.security_groups) == (8081, "/ready", ("shop-office",))
    assert AuditEntry.objects.get(action="load_balancer.upsert").actor == "ana"
    assert [one["id"] for one in call(ana, "GET", "/applications/shop/tasks").json()] == [done["id"]]


def test_a_task_is_rehearsed_and_nothing_is_done(call: Call, ana: User, cloud: MemoryCloud):  # noqa: F811
    ben, mallory = (User.objects.get(username=name) for name in ("ben", "mallory"))
    more = {"externalProtocol": "HTTP", "externalPort": 8082}
    body = task(FIREWALL, BALANCER | {"listeners": [*BALANCER["listeners"], more]})
    told = call(ana, "POST", "/applications/shop/rehearsals", body).json()
    assert (told["status"], told["message"]) == ("SUCCEEDED", "")
    changes = [(one["name"], one["what"]) for line in told["lines"] for one in line["changes"]]
    assert changes == [("shop-office", "is created"), ("shop-new", "is created")]
    assert cloud.load_balancers.list("test", "local") == []
    assert not Execution.objects.exists()
    refused = call(ana, "POST", "/applications/shop/rehearsals", task(BALANCER)).json()
    assert "security group shop-office does not exist" in refused["message"]
    for somebody, status in ((None, 401), (ben, 403), (mallory, 404)):
        assert call(somebody, "POST", "/applications/shop/rehearsals", task(FIREWALL)).status_code == status


def test_what_went_wrong_is_where_clients_look_for_it(call: Call, ana: User):  # noqa: F811
    ref = call(ana, "POST", "/applications/shop/tasks", task(BALANCER)).json()["ref"]
    moved(Execution.objects.get())
    failed = call(ana, "GET", ref).json()
    assert failed["status"] == "TERMINAL"
    known = {one["key"]: one["value"] for one in failed["variables"]}
    assert "security group shop-office does not exist" in known["exception"]["details"]["errors"][0]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"application": "shop"}, "job"),
        (task(), "job"),
        ({"application": "shop", "job": ["x"]}, "job[0]"),
        (task({"type": "createApplication"}), "job[0].type"),
        (task(FIREWALL, BALANCER | {"listeners": []}), "job[1].listeners"),
        (task(PLACE | {"type": "terminateInstances", "region": "local", "instanceIds": []}), "job[0].instanceIds"),
    ],
)
def test_what_is_wrong_is_told_by_its_path_and_nothing_begins(call: Call, ana: User, body: dict, path: str):  # noqa: F811
    answer = call(ana, "POST", "/tasks", body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert not Execution.objects.exists()


def test_only_those_who_may_run_it_begin_one(call: Call, ana: User):  # noqa: F811
    ben, mallory = (User.objects.get(username=name) for name in ("ben", "mallory"))
    assert call(None, "POST", "/tasks", task(FIREWALL)).status_code == 401
    assert call(ben, "POST", "/tasks", task(FIREWALL)).status_code == 403
    assert call(mallory, "POST", "/tasks", task(FIREWALL)).status_code == 404
    ref = call(ana, "POST", "/tasks", task({"type": "wait", "waitTime": 60})).json()["ref"]
    assert call(mallory, "GET", ref).status_code == 404
    assert call(ben, "PUT", f"{ref}/cancel").status_code == 403
    assert call(ana, "PUT", f"{ref}/cancel?reason=enough").status_code == 200
    moved(Execution.objects.get())
    assert call(ben, "GET", ref).json()["status"] == "CANCELED"
    assert call(ana, "GET", "/tasks/none").status_code == 404
