"""Where cases play: each in a database of its own, on one real local cloud, with the demo pipeline under its own name."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, connections

from clusters.core.values import BakeRequest, Capacity, ServerGroup, ServerGroupRequest
from clusters.models import Application
from clusters.providers import PROVIDERS
from clusters.trust.permissions import Actor, actor_of
from pipelines.models import Execution, Pipeline
from pipelines.operations import save_pipeline, start
from spinnaker_web.demo import world
from tests.clouds import wait_until
from tests.faults import tiny_package
from tests.local_agent import LocalAgent

#: Short, so that many takeovers fit into a test.
LEASE = 1.0
#: Nobody listens here.
NO_REDIS = "redis://127.0.0.1:1/0"
ACCOUNT, REGION = world.ACCOUNT, world.REGION

Json = dict[str, Any]


@dataclass(frozen=True)
class Ground:
    """`template` is the name of a migrated database without connections, `image` what stood before."""

    template: str
    agent: LocalAgent
    #: For what workers print and the points they come to.
    folder: Path
    image: str = ""

    @property
    def cloud(self) -> Any:
        return self.agent.cloud

    def prepare(self) -> Ground:
        """Packages, load balancers and the image of version 1, which all cases share."""
        for version in world.VERSIONS:
            self.cloud.packages.put(world.APPLICATION, version, io.BytesIO(tiny_package.build(version)))
        for stack in ("prod", "test"):
            self.cloud.load_balancers.upsert(ACCOUNT, world._load_balancer(f"{world.APPLICATION}-{stack}"))
        request = BakeRequest(REGION, world.APPLICATION, world.VERSIONS[0])
        bake = self.cloud.images.start_bake(ACCOUNT, request, "before all")
        image = wait_until(lambda: self.cloud.images.bake(ACCOUNT, REGION, bake.id).image)
        return replace(self, image=image.id)

    def on(self, template: str) -> Ground:
        return replace(self, template=template)

    def enter(self, database: str) -> None:
        """Make this process, a fork that ends after its cases, play here."""
        connections.settings["default"]["NAME"] = database
        set_lease(LEASE)
        settings.REDIS_URL = NO_REDIS
        PROVIDERS["local"] = self.cloud

    @contextmanager
    def databases(self, count: int) -> Iterator[list[str]]:
        """Names of copies of the template, one for each process that plays: cases in turn do not get in each other's way."""
        names = [f"{self.template}_{number}" for number in range(count)]
        for name in names:
            administer(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        try:
            yield names
        finally:
            for name in names:
                administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def start(self, name: str, shape: str = "demo") -> Execution:
        """The application of that name with version 1 in production, and the demo pipeline about to replace it, or a
        pipeline of another shape."""
        actor = seed()
        standing, stages = SHAPES[shape]
        for number in range(standing):
            self.stand(f"{name}-prod-v{number:03d}")
        return start(actor, save(actor, name, stages(name, self.image) if stages else None))

    def stand(self, group: str) -> None:
        request = ServerGroupRequest(REGION, group, self.image, Capacity(1, 1, 1), (f"{world.APPLICATION}-prod",))
        self.cloud.server_groups.create(ACCOUNT, request, f"before {group}")

    def groups(self, application: str) -> list[ServerGroup]:
        every = self.cloud.server_groups.list(ACCOUNT, REGION)
        return [group for group in every if group.name.startswith(f"{application}-")]

    @contextmanager
    def cleared(self, application: str) -> Iterator[None]:
        """Nothing of the application is left running afterwards."""
        try:
            yield
        finally:
            for group in self.groups(application):
                self.cloud.server_groups.destroy(ACCOUNT, REGION, group.name)


def set_lease(seconds: float) -> None:
    """For this process and its forks. Row locks last no longer than a lease, as in settings.py."""
    settings.LEASE_SECONDS = seconds
    options = connections.settings["default"]["OPTIONS"]
    limit = f"idle_in_transaction_session_timeout={seconds * 1000:.0f}ms"
    options["options"] = re.sub(r"idle_in_transaction_session_timeout=\w+", limit, options["options"])
    connections.close_all()


def administer(statement: str) -> None:
    parameters = connection.get_connection_params()
    server = {key: parameters[key] for key in ("host", "port", "user", "password")}
    with psycopg.connect(**server, dbname="postgres", autocommit=True) as administration:
        administration.execute(statement)


def seed() -> Actor:
    world.make_account()
    user, _ = get_user_model().objects.get_or_create(username="ada", is_superuser=True)
    return actor_of(user)


def save(actor: Actor, application: str, stages: list[Json] | None = None) -> Pipeline:
    """The demo pipeline, or one of these stages, each after the one before."""
    row = Application.objects.create(name=application)
    shape = document(application) if stages is None else {"name": "Shape", "stages": in_a_row(stages)}
    return save_pipeline(actor, row, json.dumps(shape)).pipeline


def in_a_row(stages: list[Json]) -> list[Json]:
    """With their places in the graph."""
    return [
        stage | {"refId": str(n), "name": stage["type"], "requisiteStageRefIds": [str(n - 1)] if n > 1 else []}
        for n, stage in enumerate(stages, start=1)
    ]


def document(application: str) -> dict[str, Any]:
    """The pipeline of the demo, for an application that shares its package and load balancers, made quick."""
    shape: dict[str, Any] = json.loads((world.PIPELINES / f"{world.SHIP}.json").read_text())
    for stage in shape["stages"]:
        match stage["type"]:
            case "bake":
                stage["rebake"] = True
            case "wait":
                stage["waitTime"] = 0.5
            case "deploy":
                for cluster in stage["clusters"]:
                    cluster["application"] = application
                    cluster["capacity"] = {"min": 1, "desired": 1, "max": 2}
                    cluster["delayBeforeDisableSec"] = 0
            case "shrinkCluster":
                stage["cluster"] = f"{application}-prod"
    return shape


def _deploy(**strategy: Any) -> Callable[[str, str], list[Json]]:
    def stages(application: str, image: str) -> list[Json]:
        cluster = {
            "account": ACCOUNT,
            "cloudProvider": "local",
            "application": application,
            "stack": "prod",
            "region": REGION,
            "capacity": {"min": 1, "desired": 2, "max": 2},
            "loadBalancers": [f"{world.APPLICATION}-prod"],
            "imageId": image,
        }
        return [{"type": "deploy", "clusters": [cluster | strategy]}]

    return stages


def _resize(application: str, image: str) -> list[Json]:
    """Up, then down to nothing while it takes no traffic."""
    about = {"credentials": ACCOUNT, "regions": [REGION], "serverGroupName": f"{application}-prod-v000"}
    sizes = [{"min": size, "desired": size, "max": size} for size in (2, 0)]
    up, down = (about | {"type": "resizeServerGroup", "capacity": capacity} for capacity in sizes)
    return [up, about | {"type": "disableServerGroup"}, down]


def _patch(application: str, image: str) -> list[Json]:
    """Two instances, one after the other, then both at once, with the version that is newer than their image."""
    size = {"min": 2, "desired": 2, "max": 2}
    about = {"credentials": ACCOUNT, "regions": [REGION], "serverGroupName": f"{application}-prod-v000"}
    cluster = {"credentials": ACCOUNT, "region": REGION, "clusterName": f"{application}-prod"}
    patch = cluster | {"type": "quickPatch", "package": world.APPLICATION, "patchVersion": world.VERSIONS[1]}
    return [about | {"type": "resizeServerGroup", "capacity": size}, patch | {"rollingPatch": True}, patch]


def _roll_back(application: str, image: str) -> list[Json]:
    cluster = {"credentials": ACCOUNT, "regions": [REGION], "cluster": f"{application}-prod"}
    return [cluster | {"type": "disableCluster"}, cluster | {"type": "rollbackCluster"}]


def _clone(application: str, image: str) -> list[Json]:
    """One more of the same, which takes over."""
    about = {"credentials": ACCOUNT, "region": REGION, "stack": "prod", "strategy": "redblack"}
    return [about | {"type": "cloneServerGroup", "cloudProvider": "local"}]


#: By name: how many server groups stand before, and the stages for an application and an image; None: the demo's.
SHAPES: dict[str, tuple[int, Callable[[str, str], list[Json]] | None]] = {
    "demo": (1, None),
    "none": (1, _deploy()),
    "highlander": (2, _deploy(strategy="highlander")),
    "redblack": (2, _deploy(strategy="redblack", maxRemainingAsgs=2, allowDeleteActive=True, scaleDown=True)),
    "rollingredblack": (1, _deploy(strategy="rollingredblack", targetPercentages=[50])),
    "clone": (1, _clone),
    "resize": (1, _resize),
    "rollback": (2, _roll_back),
    "patch": (1, _patch),
}
