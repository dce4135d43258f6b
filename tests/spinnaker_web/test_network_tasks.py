"""Load balancers, firewalls and instances changed from their pages: an execution does it, with history and audit."""

import pytest
from django.test import Client

from clusters import inventory
from clusters.core.values import Capacity, Health, Listener, LoadBalancerRequest, ServerGroupRequest
from clusters.models import AuditEntry, Instance, LoadBalancer, SecurityGroup
from clusters.providers.base import InvalidRequest
from clusters.providers.memory import MemoryCloud
from pipelines.models import Execution
from tests.clusters.views.conftest import ana, ben, cloud, mallory, shop  # noqa: F401
from tests.clusters.views.test_writing import BALANCER, FIREWALL
from tests.pipelines.views.conftest import moved

ACCOUNT, REGION = "test", "local"
BALANCERS, FIREWALLS = "/apps/shop/load-balancers", "/apps/shop/firewalls"


def done(client: Client, path: str, data: dict | None = None) -> Execution:
    """What the page starts, run as far as it goes by itself; the page leads to it."""
    answer = client.post(path, data or {})
    assert answer.status_code == 302, answer.text
    execution = Execution.objects.latest("created_at")
    assert answer.headers["Location"] == f"/executions/{execution.ulid}"
    return moved(execution)


def test_a_load_balancer_is_created_edited_and_deleted_by_executions(ana: Client) -> None:  # noqa: F811
    made = done(ana, f"{BALANCERS}/new", BALANCER)
    assert (made.status, made.name, made.pipeline) == ("SUCCEEDED", "Save load balancer shop-new", None)
    row = LoadBalancer.objects.get(name="shop-new")
    assert (row.port, row.health_check["path"], row.health_check["unhealthy_threshold"]) == (9001, "/ready", 2)
    entry = AuditEntry.objects.get(action="load_balancer.upsert")
    assert (entry.actor, entry.application, entry.execution_id) == ("ana", "shop", made.ulid)
    edit = f"{BALANCERS}/test/local/shop-new/edit"
    off = {name: value for name, value in BALANCER.items() if name != "is_enabled"}
    assert done(ana, edit, off | {"path": "/health", "check_protocol": "TCP"}).status == "SUCCEEDED"
    row.refresh_from_db()
    check = row.health_check
    assert (check["protocol"], check["path"], check["is_enabled"]) == ("TCP", "/health", False)
    assert done(ana, f"{BALANCERS}/test/local/shop-new/delete").status == "SUCCEEDED"
    assert not LoadBalancer.objects.filter(name="shop-new").exists()


def test_a_firewall_is_created_edited_and_deleted_by_executions(ana: Client) -> None:  # noqa: F811
    assert done(ana, f"{FIREWALLS}/new", FIREWALL).status == "SUCCEEDED"
    edit = f"{FIREWALLS}/test/local/shop-office/edit"
    assert ana.post(edit, FIREWALL | {"rules": "10.0.0.0/8 tcp 80\nno rule"}).status_code == 422
    assert done(ana, edit, FIREWALL | {"rules": "10.0.0.0/8 udp 22"}).status == "SUCCEEDED"
    rule = SecurityGroup.objects.get(name="shop-office").rules[0]
    assert (rule["to_port"], rule["protocol"]) == (22, "udp")
    assert done(ana, f"{FIREWALLS}/test/local/shop-office/delete").status == "SUCCEEDED"
    assert not SecurityGroup.objects.filter(name="shop-office").exists()


def test_a_name_that_cannot_be_is_said_in_the_form(ana: Client) -> None:  # noqa: F811
    answer = ana.post(f"{BALANCERS}/new", BALANCER | {"name": "shop.new"})
    assert answer.status_code == 422
    assert 'href="#id_name"' in answer.text
    assert ana.post(f"{FIREWALLS}/new", FIREWALL | {"name": "no name"}).status_code == 422
    assert Execution.objects.count() == 0


def test_what_the_cloud_refuses_is_said_by_the_execution(ana: Client, cloud: MemoryCloud) -> None:  # noqa: F811
    unknown = done(ana, f"{BALANCERS}/new", BALANCER | {"security_groups": "nowhere"})
    assert unknown.status == "TERMINAL"
    assert "security group nowhere does not exist" in unknown.message
    cloud.fail("load_balancers.upsert", InvalidRequest("The port is taken"))
    assert "The port is taken. Nothing else was changed." in done(ana, f"{BALANCERS}/new", BALANCER).message


def test_what_belongs_to_another_application_stays_as_it_is(ana: Client) -> None:  # noqa: F811
    refused = done(ana, f"{BALANCERS}/new", BALANCER | {"name": "bank-web"})
    assert "ana lacks EXECUTE on application bank." in refused.message
    assert not LoadBalancer.objects.filter(name="bank-web").exists()


def test_a_form_says_what_it_would_do_and_does_nothing(ana: Client, cloud: MemoryCloud) -> None:  # noqa: F811
    done(ana, f"{BALANCERS}/new", BALANCER)
    done(ana, f"{FIREWALLS}/new", FIREWALL)
    edits = (
        (f"{BALANCERS}/test/local/shop-new/edit", BALANCER | {"path": "/live", "more_ports": "9002"}),
        (f"{FIREWALLS}/test/local/shop-office/edit", FIREWALL | {"rules": "10.0.0.0/8 tcp 80"}),
    )
    told = [ana.post(url, data | {"rehearse": "1"}) for url, data in edits]
    assert [answer.status_code for answer in told] == [200, 200]
    assert "health check path changes from /ready to /live" in told[0].text
    assert "listens on port 9002 (HTTP)" in told[0].text
    assert "no longer lets in 10.0.0.0/8 by tcp to 80-443" in told[1].text
    assert Execution.objects.count() == 2
    assert cloud.load_balancers.get(ACCOUNT, REGION, "shop-new").health_check.path == "/ready"
    assert done(ana, *edits[0]).status == "SUCCEEDED"
    assert LoadBalancer.objects.get(name="shop-new").ports == [9001, 9002]
    assert 'value="9002"' in ana.get(edits[0][0]).text
    assert ":9002" in ana.get(BALANCERS).text
    wrong = ana.post(edits[0][0], BALANCER | {"more_ports": "9001"})
    assert 'href="#id_more_ports"' in wrong.text


def test_what_is_in_use_says_by_whom_and_offers_no_end(ana: Client, instance: Instance) -> None:  # noqa: F811
    page = f"{BALANCERS}/test/local/shop-live/delete"
    text = ana.get(page).text
    assert "load balancer shop-live is used by server group shop-live-v001" in text
    assert "Delete shop-live</button>" not in text
    assert "used by server group shop-live-v001" in done(ana, page).message
    done(ana, f"{FIREWALLS}/new", FIREWALL)
    done(ana, f"{BALANCERS}/new", BALANCER | {"security_groups": "shop-office"})
    text = ana.get(f"{FIREWALLS}/test/local/shop-office/delete").text
    assert "security group shop-office is used by load balancer shop-new" in text
    assert "Delete shop-office</button>" not in text
    text = ana.get(f"{BALANCERS}/test/local/shop-new/delete").text
    assert "Delete shop-new</button>" in text
    assert "is deleted" in text


def test_rules_that_name_a_group_are_kept(ana: Client) -> None:  # noqa: F811
    made = done(ana, f"{FIREWALLS}/new", FIREWALL | {"rules": "group:shop-web tcp 80\n10.0.0.0/8 all 22"})
    assert made.status == "SUCCEEDED", made.message
    rules = SecurityGroup.objects.get(name="shop-office").rules
    assert {(rule["group"], rule["cidr"], rule["to_port"]) for rule in rules} == {
        ("shop-web", "", 80),
        ("", "10.0.0.0/8", 22),
    }


@pytest.fixture
def instance(shop: object, cloud: MemoryCloud) -> Instance:  # noqa: F811
    """One of two that a load balancer sends traffic to."""
    image = cloud.add_image(ACCOUNT, REGION, "shop-1")
    cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(REGION, "shop-live", Listener(0)))
    request = ServerGroupRequest(REGION, "shop-live-v001", image.id, Capacity(0, 2, 2), ("shop-live",))
    cloud.server_groups.create(ACCOUNT, request, "token")
    cloud.advance(3)
    inventory.refresh(ACCOUNT, REGION)
    return Instance.objects.filter(server_group__name="shop-live-v001").first()


def page(instance: Instance) -> str:
    return f"/apps/shop/clusters/test/local/shop-live-v001/instances/{instance.instance_id}"


def finish(cloud: MemoryCloud, execution: Execution) -> Execution:  # noqa: F811
    """Time passes in the cloud, and the step looks again."""
    cloud.advance(3)
    execution.stages.all()[0].steps.update(due_at="2020-01-01T00:00Z")
    Execution.objects.filter(pk=execution.pk).update(due_at="2020-01-01T00:00Z")
    return moved(execution)


def test_an_instance_leaves_its_load_balancer_and_comes_back(
    ana: Client,  # noqa: F811
    cloud: MemoryCloud,  # noqa: F811
    instance: Instance,
) -> None:
    for action, health, offer in (("deregister", "OutOfService", "Register…"), ("register", "Up", "Deregister…")):
        data = {"load_balancers": ["shop-live"], "reason": "look"}
        execution = finish(cloud, done(ana, f"{page(instance)}/{action}", data))
        assert execution.status == "SUCCEEDED", execution.message
        assert execution.trigger["note"] == "look"
        inventory.refresh(ACCOUNT, REGION)
        instance.refresh_from_db()
        assert instance.health == health
        assert offer in ana.get(page(instance)).text
    assert ana.post(f"{page(instance)}/deregister", {}).status_code == 422


def test_the_page_of_each_button_says_what_it_would_do_and_does_nothing(
    ana: Client,  # noqa: F811
    cloud: MemoryCloud,  # noqa: F811
    instance: Instance,
) -> None:
    before = cloud.server_groups.list(ACCOUNT, REGION)
    for action in ("deregister", "reboot", "terminate"):
        text = ana.get(f"{page(instance)}/{action}").text
        assert f"{action} {instance.instance_id}" in text
        assert "It would not succeed" not in text, action
    assert cloud.server_groups.list(ACCOUNT, REGION) == before
    assert Execution.objects.count() == 0


def test_an_instance_is_restarted_and_ended(ana: Client, cloud: MemoryCloud, instance: Instance) -> None:  # noqa: F811
    assert finish(cloud, done(ana, f"{page(instance)}/reboot")).status == "SUCCEEDED"
    assert cloud.server_groups.get(ACCOUNT, REGION, "shop-live-v001").count(Health.UP) == 2
    assert finish(cloud, done(ana, f"{page(instance)}/terminate")).status == "SUCCEEDED"
    inventory.refresh(ACCOUNT, REGION)
    assert not Instance.objects.filter(instance_id=instance.instance_id).exists()
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"instance.reboot", "instance.terminate"}


def test_the_last_healthy_instance_asks_once_more(ana: Client, cloud: MemoryCloud, instance: Instance) -> None:  # noqa: F811
    cloud.server_groups.resize(ACCOUNT, REGION, "shop-live-v001", Capacity(0, 1, 2))
    cloud.advance(3)
    inventory.refresh(ACCOUNT, REGION)
    last = Instance.objects.get(server_group__name="shop-live-v001")
    assert "only healthy instance of shop-live" in ana.get(f"{page(last)}/terminate").text
    assert ana.post(f"{page(last)}/terminate", {}).status_code == 422
    assert done(ana, f"{page(last)}/terminate", {"is_sure": "on"})


def test_a_reader_and_a_stranger_are_offered_nothing(ben: Client, mallory: Client, instance: Instance) -> None:  # noqa: F811
    assert "Terminate…" not in ben.get(page(instance)).text
    for action in ("reboot", "register", "deregister", "terminate"):
        assert ben.post(f"{page(instance)}/{action}", {}).status_code == 403
        assert mallory.post(f"{page(instance)}/{action}", {}).status_code == 404
    assert Execution.objects.count() == 0
