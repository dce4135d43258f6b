"""One pipeline of all fifteen stages, docs/examples/every-stage.json, on this host's real processes and on AWS (moto)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clusters.core.values import Health
from pipelines import operations
from pipelines.models import Execution, Work
from spinnaker_web.demo.traffic import Traffic
from tests.clusters.providers.local.traffic import get
from tests.local_agent import LocalAgent, agent
from tests.moto_world import aws, moto_server
from tests.pipelines.both_clouds import BETTER, FIFTEEN, Site, on_amazon, on_this_host
from tests.pipelines.local_world import tree
from tests.pipelines.stages.test_deploy_on_aws import Amazon, amazon

__all__ = ["agent", "amazon", "aws", "moto_server"]

pytestmark = pytest.mark.long

#: What a rehearsal says beforehand, the same of both clouds.
FORESEEN = [
    ("shop-web-v001", "is created with 2 instances of shop-1.4.0-memory-000001"),
    ("shop-web-v000", "leaves its load balancers"),
    ("shop-trial-v000", "is created with 1 instance of shop-1.4.0-memory-000001"),
    ("shop-web-v000", "gets back its load balancers"),
    ("shop-web-v001", "goes from 2 instances (1 to 4) to 3 instances (1 to 4)"),
    ("shop-web-v000", "leaves its load balancers"),
    ("shop-web-v001", "suspends Launch, ReplaceUnhealthy"),
    ("shop-web-v001", "is patched"),
    ("shop-web-v001", "is patched"),
    ("shop-web-v001", "is patched"),
    ("shop-web-v001", "resumes Launch, ReplaceUnhealthy"),
    ("shop-web-v000", "is ended with all its instances"),
    ("shop-trial-v000", "leaves its load balancers"),
    ("shop-trial-v000", "is ended with all its instances"),
]
PATCHED = {f"shop {BETTER}": 3}


def walk(site: Site) -> Execution:
    """Foreseen, and then done to its end, with a look around while it asks."""
    site.save_example("look-at-it")
    pipeline = site.save_example("every-stage")
    before = site.there()
    plan = operations.rehearse_pipeline(site.actor, pipeline)
    assert (plan.status, plan.message) == ("SUCCEEDED", "")
    assert [(one.name, one.what) for line in plan.lines for one in line.changes] == FORESEEN
    assert (site.there(), site.ci.posts(""), Execution.objects.count()) == (before, 0, 0)

    execution = operations.start(site.actor, pipeline)
    site.go_on(execution, until=site.asks)
    assert site.asks(), tree(execution)
    assert site.there() == {
        "shop-trial-v000": ("enabled", 1, {}),
        "shop-web-v000": ("disabled", 2, {}),
        "shop-web-v001": ("enabled", 3, PATCHED),
    }
    assert site.group("shop-web-v001").suspended_processes == frozenset()
    operations.judge(site.actor, execution, "15", "continue", input="end them")
    site.go_on(execution)
    assert execution.status == "SUCCEEDED", tree(execution)
    assert site.there() == {"shop-web-v001": ("enabled", 3, PATCHED)}
    assert site.group("shop-web-v001").count(Health.UP) == 3
    return execution


def check_traces(site: Site, execution: Execution) -> None:
    """What the stages have put out, and what was done elsewhere for them."""
    of = {stage.ref: stage for stage in execution.stages.all()}
    assert {stage.type_key for ref, stage in of.items() if ref.isdigit()} == FIFTEEN
    assert of["1"].outputs["version"] == "1.4.0"
    assert [build.parameters for build in site.ci.jobs["shop"].builds] == [{"version": "1.4.0"}]
    assert of["2"].outputs["notes"] == "complete"
    assert Work.objects.get().log == "notes of 1.4.0\n"
    baked, found = (of[ref].outputs["deploymentDetails"][0]["imageId"] for ref in ("3", "5"))
    assert baked == found
    changed = {"scalingProcesses.shop-web-v001": ["Launch", "ReplaceUnhealthy"]}
    assert (of["10<2"].outputs, of["12<2"].outputs) == (changed, changed)
    looked = Execution.objects.get(pipeline_id="look-at-it")
    assert (looked.status, looked.parent_stage) == ("SUCCEEDED", of["13"].pk)
    assert of["15"].context["judgmentInput"] == "end them"


@pytest.mark.xdist_group("agent")
def test_all_fifteen_stages_on_this_host_cost_no_request(
    agent: LocalAgent, transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    with on_this_host(agent, settings, tmp_path) as site:
        with Traffic(site.address) as traffic:
            execution = walk(site)
        check_traces(site, execution)
        assert [failure.reason for failure in traffic.record.failures] == []
        assert set(traffic.record.versions) == {'"1.0.0"', '"1.4.0"', '"1.4.1"'}
        instances = site.group("shop-web-v001").instances
        assert [get(instance.address)[1] for instance in instances] == [BETTER] * 3


def test_all_fifteen_stages_on_aws(amazon: Amazon, settings: Any, tmp_path: Path) -> None:
    with on_amazon(amazon, settings, tmp_path) as site:
        check_traces(site, walk(site))
        left = amazon.left()
        assert (left["groups"], left["templates"], left["images"], left["builders"]) == (1, 1, 1, 0)
