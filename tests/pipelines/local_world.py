"""Pipelines on the real engine and the real local cloud: real processes behind a real HAProxy, under real requests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from clusters.core.values import Capacity, Health, HealthCheck, Image, ServerGroup, ServerGroupRequest
from clusters.models import Account, Application
from clusters.providers import PROVIDERS
from clusters.trust.permissions import Actor, actor_of
from pipelines.core.definition import read
from pipelines.engine import admit
from pipelines.engine.drive import drive
from pipelines.models import Execution, Pipeline, Stage
from pipelines.operations import save_pipeline
from tests.clouds import ACCOUNT, REGION
from tests.clouds import Stage as Cloud
from tests.clusters.providers.local import app
from tests.clusters.providers.local.traffic import get
from tests.local_agent import LocalAgent

#: Out at the first failed check.
STRICT = HealthCheck(path="/health", interval=0.2, timeout=0.5, unhealthy_threshold=1)
LONGEST_SECONDS = 60


@dataclass
class LocalWorld:
    """An application `shop` whose cluster shop-web stands behind the load balancer shop-web."""

    cloud: Cloud
    actor: Actor
    application: Application
    images: dict[str, Image]
    address: str

    @property
    def groups(self) -> dict[str, ServerGroup]:
        """Those of the cluster by the end of their names: {"v000": …}."""
        every = self.cloud.cloud.server_groups.list(ACCOUNT, REGION)
        return {group.name[-4:]: group for group in every if not group.is_being_destroyed}

    def stand(self, name: str, version: str = "1.0.0", size: int = 2) -> ServerGroup:
        image = self.images[version]
        return self.cloud.create(
            ServerGroupRequest(REGION, name, image.id, Capacity(size, size, size), load_balancers=("shop-web",))
        )

    def deploy(self, version: str = "2.0.0", size: int = 2, **fields: Any) -> dict[str, Any]:
        """A deploy stage's JSON."""
        cluster = {
            "account": ACCOUNT,
            "cloudProvider": "local",
            "application": "shop",
            "stack": "web",
            "region": REGION,
            "capacity": {"min": size, "desired": size, "max": size},
            "loadBalancers": ["shop-web"],
            "imageId": self.images[version].id,
        }
        return {"type": "deploy", "name": "Deploy", "refId": "1", "clusters": [cluster | fields]}

    def begin(self, *stages: dict[str, Any]) -> Execution:
        document = {"name": "Try", "stages": list(stages)}
        return admit.admit(admit.Admission("shop", read(document), document, self.actor))[0]

    def go_on(self, execution: Execution, until: Any = lambda: False) -> Execution:
        """As a worker does, with all that is under way, until it has ended or `until` holds."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not (execution.ended_at or until()):
            assert time.monotonic() < deadline, tree(execution)
            for open_one in Execution.objects.filter(ended_at=None):
                drive(open_one.pk)
            execution.refresh_from_db()
            time.sleep(0.05)
        return execution

    def save(self, name: str, *stages: dict[str, Any], **fields: Any) -> Pipeline:
        """A pipeline whose id is its name, its stages one after the other."""
        numbered = [
            {"refId": str(n), "requisiteStageRefIds": [str(n - 1)] if n > 1 else [], **stage}
            for n, stage in enumerate(stages, start=1)
        ]
        document = {"name": name, "id": name, "stages": numbered, **fields}
        return save_pipeline(self.actor, self.application, json.dumps(document)).pipeline

    def break_down(self, group: str) -> float:
        """Have every instance of a server group answer 500 from now on; when each has failed a check (monotonic)."""
        for instance in self.groups[group].instances:
            assert get(instance.address, "/break")[0] == 200
        self.cloud.until(f"shop-web-{group}", lambda seen: seen.count(Health.UP) == 0)
        return time.monotonic()


def tree(execution: Execution) -> list[str]:
    return [f"{stage.ref} {stage.name} {stage.status} {stage.message}" for stage in stages_of(execution)]


def stages_of(execution: Execution) -> list[Stage]:
    return list(Stage.objects.filter(execution=execution).order_by("position"))


@contextmanager
def standing(agent: LocalAgent) -> Iterator[LocalWorld]:
    cloud = Cloud(agent.cloud)
    before = PROVIDERS.get("local")
    PROVIDERS["local"] = agent.cloud
    Account.objects.create(name=ACCOUNT, provider="local", regions=[REGION])
    application = Application.objects.create(name="shop")
    user, _ = get_user_model().objects.get_or_create(username="ada", is_superuser=True)
    images = {version: cloud.bake("shop", version, app.build(version)) for version in ("1.0.0", "2.0.0")}
    balancer = cloud.balancer("shop-web", STRICT)
    try:
        yield LocalWorld(cloud, actor_of(user), application, images, balancer.address)
    finally:
        cloud.clear()
        if before is None:
            del PROVIDERS["local"]
        else:
            PROVIDERS["local"] = before
