"""How each of the fifteen stages fails, on this host's real processes and on AWS (moto): it says why, and what stood
stands.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from clusters.models import Application, TrafficGuard
from pipelines import operations
from pipelines.core.definition import read
from pipelines.engine import admit
from pipelines.models import Execution
from pipelines.stages.bulk_quick_patch import STALE
from tests.local_agent import LocalAgent, agent
from tests.moto_world import aws, moto_server
from tests.pipelines.both_clouds import FIFTEEN, SICK, Json, Site, on_amazon, on_this_host
from tests.pipelines.stages.test_deploy_on_aws import Amazon, amazon

__all__ = ["agent", "amazon", "aws", "moto_server"]

PLACE = {"credentials": "ACCOUNT", "cloudProvider": "CLOUD"}
NAMED = PLACE | {"region": "REGION", "serverGroupName": "shop-web-v000"}
NONE = PLACE | {"regions": ["REGION"], "cluster": "shop-none"}
BAKE = {
    "type": "bake", "account": "ACCOUNT", "cloudProviderType": "CLOUD", "regions": ["REGION"], "package": "shop",
}  # fmt: skip
NEW = {
    "account": "ACCOUNT", "application": "shop", "stack": "web", "cloudProvider": "CLOUD", "region": "REGION",
    "capacity": {"min": 2, "desired": 2, "max": 2}, "loadBalancers": ["shop-web"], "strategy": "redblack",
    "rollback": {"onFailure": True, "destroyLatest": True},
}  # fmt: skip
PATCH = PLACE | {"region": "REGION", "clusterName": "shop-web", "package": "shop", "patchVersion": "9.9"}
LAST = "would be left without a healthy, enabled server group (the last healthy instances: 2 in shop-web-v000)"

#: Stages whose last one fails, and parts of what it says; {cloud: part} where clouds differ.
FAILURES: dict[str, tuple[list[Json], list[str | dict[str, str]]]] = {
    "bake": (
        [BAKE | {"packageVersion": "9.9"}],
        [{"local": "package shop 9.9 does not exist", "aws": "E: Version '9.9' for 'shop' was not found"}],
    ),
    "deploy": (
        [BAKE | {"packageVersion": SICK}, {"type": "deploy", "clusters": [NEW]}],
        ["2 more instances of shop-web-v001 to become healthy (0 of 2 up: i-", "503"],
    ),
    "destroyServerGroup": ([NAMED], ["The traffic guard of shop refuses to disable shop-web-v000", LAST]),
    "disableServerGroup": ([NAMED], ["The traffic guard of shop refuses to disable shop-web-v000", LAST]),
    "enableServerGroup": ([NAMED | {"serverGroupName": "shop-web-v009"}], ["shop-web-v009 does not exist in "]),
    "findImage": ([NONE], ["Could not find cluster 'shop-none' for "]),
    "jenkins": ([{"master": "ci", "job": "broken"}], ["Job failed (see Jenkins): build 1 of broken."]),
    "manualJudgment": ([{}], ["ada said stop: not today"]),
    "modifyAwsScalingProcess": (
        [NAMED | {"action": "resume"}],
        ["processes: name some; no earlier stage has changed any of shop-web-v000."],
    ),
    "pipeline": (
        [{"application": "shop", "pipeline": "count"}],
        ["Count #1 ended as TERMINAL: Nine: Expected == 9 server groups of shop-web in ", "found 1 (shop-web-v000)"],
    ),
    "quickPatch": (
        [PATCH],
        [{"local": "shop 9.9 has not been uploaded", "aws": "ended Failed: E: Version '9.9' for 'shop' was not found"}],
    ),
    "resizeServerGroup": (
        [NAMED | {"capacity": {"min": 0, "desired": 0, "max": 0}}],
        ["The traffic guard of shop refuses to resize to no instances shop-web-v000", LAST],
    ),
    "script": ([{"command": "echo no; exit 3"}], ["The script ended with exit code 3."]),
    "shrinkCluster": ([NONE], ["There is no cluster shop-none in "]),
    "wait": ([{"waitTime": "for ever"}], ["waitTime: "]),
}
COUNT = {
    "cluster": "shop-web", "credentials": "ACCOUNT", "regions": ["REGION"], "comparison": "==", "expected": 9,
}  # fmt: skip
CHILD = {
    "name": "Count", "id": "count",
    "stages": [
        {
            "refId": "1", "type": "checkPreconditions", "name": "Nine",
            "preconditions": [{"type": "clusterSize", "context": COUNT}],
        }
    ],
}  # fmt: skip


def test_each_of_the_fifteen_is_here() -> None:
    assert FAILURES.keys() == FIFTEEN


@pytest.mark.xdist_group("agent")
def test_each_fails_on_this_host_as_it_should(
    agent: LocalAgent, transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    with on_this_host(agent, settings, tmp_path) as site:
        assert failures(site) == {}


@pytest.mark.long  # the other half of a table that runs every day
def test_each_fails_on_aws_as_it_should(amazon: Amazon, settings: Any, tmp_path: Path) -> None:
    amazon.moto.world.never_healthy.add("shop-web-v001")
    with on_amazon(amazon, settings, tmp_path) as site:
        assert failures(site) == {}
        assert amazon.left()["groups"] == amazon.left()["templates"] == 1


def failures(site: Site) -> dict[str, Any]:
    """What went otherwise, by stage."""
    TrafficGuard.objects.create(application=Application.objects.get(name="shop"), stack="web")
    site.save(site.named(json.dumps(CHILD)))
    found: dict[str, Any] = {}
    for key, (stages, parts) in FAILURES.items():
        execution = run(site, key, stages)
        told = [part if isinstance(part, str) else part[site.cloud.key] for part in parts]
        is_told = all(part in execution.message for part in told)
        if execution.status != "TERMINAL" or not is_told or site.there() != {"shop-web-v000": ("enabled", 2, {})}:
            found[key] = execution.status, execution.message, site.there()
    return found


def run(site: Site, key: str, stages: list[Json]) -> Execution:
    """Not saved as a pipeline, which would find some of it out beforehand."""
    placed = [
        {"type": key, "name": key, **stage, "refId": str(n), "requisiteStageRefIds": [str(n - 1)] if n > 1 else []}
        for n, stage in enumerate(stages, start=1)
    ]
    document = site.named(json.dumps({"name": "Fail", "stages": placed}))
    execution = admit.admit(admit.Admission("shop", read(document), document, site.actor))[0]

    def lose_patience(execution: Execution) -> None:
        """Judge, give up on instances that are Down, and let the time pass in which a failure may be an older one's."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pipelines_step SET started_at = started_at - %s * interval '1 s' WHERE name = 'monitorQuip'",
                [STALE],
            )
            if key == "deploy" and site.is_sick("shop-web-v001"):
                cursor.execute("UPDATE pipelines_step SET deadline = engine_now() WHERE name = 'waitForUpInstances'")
        if site.asks():
            operations.judge(site.actor, execution, "1", "stop", reason="not today")

    return site.go_on(execution, meanwhile=lose_patience)
