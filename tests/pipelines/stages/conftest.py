"""An account on a cloud in memory, and pipelines of the real stage types run on the real engine."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from clusters.core.values import Capacity, Image, Listener, LoadBalancerRequest, ServerGroup, ServerGroupRequest
from clusters.models import Account, Application
from clusters.providers import PROVIDERS
from clusters.providers.memory import MemoryCloud
from clusters.trust.permissions import Actor, actor_of
from pipelines.core.definition import read
from pipelines.engine import admit
from pipelines.engine.drive import drive
from pipelines.engine.rehearse import Rehearsal, rehearse
from pipelines.models import Execution, Stage, Step
from spinnaker_web import demo_package

ACCOUNT, REGIONS = "main", ("eu-west-1", "us-east-1")
REGION = REGIONS[0]


@dataclass
class World:
    cloud: MemoryCloud
    actor: Actor
    image: Image
    execution: Execution | None = None
    tokens: int = 0

    # the cloud

    def group(self, name: str, *, size: int = 2, is_disabled: bool = False, region: str = REGION) -> ServerGroup:
        """A server group that is there already, as it was left by some earlier deployment."""
        self.tokens += 1
        image = self.cloud.add_image(ACCOUNT, region, "shop-0.9", package="shop", version="0.9")
        balancers = tuple(b.name for b in self.cloud.load_balancers.list(ACCOUNT, region))
        request = ServerGroupRequest(region, name, image.id, Capacity(size, size, size), load_balancers=balancers)
        self.cloud.server_groups.create(ACCOUNT, request, f"earlier-{self.tokens}")
        self.cloud.advance(3)
        if is_disabled:
            self.cloud.server_groups.disable(ACCOUNT, region, name)
            self.cloud.advance(2)
        return self.cloud.server_groups.get(ACCOUNT, region, name)

    def upload(self, package: str, version: str) -> None:
        self.cloud.packages.put(package, version, io.BytesIO(demo_package.build(version)))

    def there(self, region: str = REGION) -> dict[str, tuple[str, int]]:
        """{name: (enabled or disabled, number of instances)} of what is not going."""
        return {
            group.name: ("disabled" if group.is_disabled else "enabled", len(group.instances))
            for group in sorted(self.cloud.server_groups.list(ACCOUNT, region), key=lambda group: group.name)
            if not group.is_being_destroyed
        }

    # an execution

    def begin(self, *stages: dict) -> Execution:
        document = _document(stages)
        self.execution = admit.admit(admit.Admission("shop", read(document), document, self.actor))[0]
        return self.execution

    def run(self, *stages: dict, looks: int = 60) -> Execution:
        """Until it has ended, time passing at once; at most so many drives."""
        self.begin(*stages)
        return self.go_on(looks)

    def go_on(self, looks: int = 60) -> Execution:
        for _ in range(looks):
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE pipelines_step SET started_at = started_at - interval '1 h'"
                    " WHERE name = 'wait' AND ended_at IS NULL"
                )
            self.look()
            if self.execution.ended_at:
                break
        return self.execution

    def look(self) -> Execution:
        """One drive: each open step is looked at, waits do not end by it."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pipelines_step SET due_at = engine_now() WHERE due_at IS NOT NULL")
            cursor.execute("UPDATE pipelines_execution SET due_at = engine_now(), lease_until = NULL")
        drive(self.execution.pk)
        self.execution.refresh_from_db()
        return self.execution

    def look_until(self, stage_name: str) -> None:
        """Until the stage of that name runs."""
        for _ in range(60):
            if Stage.objects.filter(execution=self.execution, name=stage_name, status="RUNNING").exists():
                return
            self.look()
        raise AssertionError(f"{stage_name} never began: {self.tree()}")

    def time_out(self, step_name: str) -> Execution:
        """The open step of that name has had its time."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pipelines_step SET deadline = engine_now() WHERE name = %s", [step_name])
        return self.go_on()

    def let_pass(self, step_name: str, seconds: float) -> None:
        """The open step of that name began so much earlier."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pipelines_step SET started_at = started_at - %s * interval '1 s'"
                " WHERE name = %s AND ended_at IS NULL",
                [seconds, step_name],
            )

    def rehearse(self, *stages: dict) -> Rehearsal:
        document = _document(stages)
        return rehearse(admit.Admission("shop", read(document), document, self.actor))

    def stage(self, name: str) -> Stage:
        return Stage.objects.get(execution=self.execution, name=name)

    def stages(self, name: str) -> list[Stage]:
        return list(Stage.objects.filter(execution=self.execution, name=name).order_by("ref"))

    def step(self, name: str) -> Step:
        return Step.objects.get(stage__execution=self.execution, name=name)

    def tree(self) -> list[str]:
        """Each stage in order: ref, type, name, [steps], status if not SUCCEEDED."""
        lines = []
        for stage in Stage.objects.filter(execution=self.execution).order_by("position"):
            steps = ",".join(step.name for step in Step.objects.filter(stage=stage).order_by("n"))
            status = "" if stage.status == "SUCCEEDED" else f" {stage.status}"
            lines.append(f"{stage.ref} {stage.type_key} {stage.name!r} [{steps}]{status}")
        return sorted(lines)


def _document(stages: tuple[dict, ...]) -> dict:
    return {"name": "Try", "stages": [{"refId": str(n), **stage} for n, stage in enumerate(stages, start=1)]}


@pytest.fixture
def world(transactional_db):
    cloud = MemoryCloud(regions=REGIONS)
    PROVIDERS["memory"] = cloud
    Account.objects.create(name=ACCOUNT, provider="memory", regions=list(REGIONS))
    Application.objects.create(name="shop")
    actor = actor_of(get_user_model().objects.create_superuser("ada"))
    image = cloud.add_image(ACCOUNT, REGION, "shop-1.0", package="shop", version="1.0")
    yield World(cloud, actor, image)
    del PROVIDERS["memory"]


@pytest.fixture
def balanced(world: World) -> World:
    """The same with a load balancer in front, so that health is more than running."""
    for region in REGIONS:
        world.cloud.load_balancers.upsert(ACCOUNT, LoadBalancerRequest(region, "shop-web", Listener(0)))
    return world
