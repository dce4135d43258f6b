"""An application on this host's real processes, and the same on AWS (moto), with Jenkins beside them: pipelines are
driven as by workers, but each open step is looked at again at once.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live_settings
from django.db import connection

from clusters.core.values import Capacity, Health, ServerGroup, ServerGroupRequest
from clusters.models import Application
from clusters.providers.base import CloudProvider
from clusters.trust.isolation import Isolation
from clusters.trust.permissions import Actor
from pipelines import operations
from pipelines.engine import work
from pipelines.engine.drive import drive
from pipelines.models import Execution, Pipeline, Stage
from pipelines.work import script
from tests import clouds
from tests.clouds import wait_until
from tests.clusters.providers.local import app
from tests.faults.crew import Crew
from tests.jenkins import Controller
from tests.local_agent import LocalAgent
from tests.pipelines import local_world
from tests.pipelines.local_world import tree
from tests.pipelines.stages import test_deploy_on_aws as on_aws
from tests.pipelines.stages.test_deploy_on_aws import Amazon
from tests.pipelines.stages.test_jenkins import standing_in

Json = dict[str, Any]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FIFTEEN = {
    "bake", "deploy", "destroyServerGroup", "disableServerGroup", "enableServerGroup", "findImage", "jenkins",
    "manualJudgment", "modifyAwsScalingProcess", "pipeline", "quickPatch", "resizeServerGroup", "script",
    "shrinkCluster", "wait",
}  # fmt: skip
#: Versions that can be baked and laid over others; the last one fails its health checks.
GOOD, BETTER, SICK = "1.4.0", "1.4.1", "1.5.0"
LONGEST_SECONDS = 90


@dataclass
class Site:
    """Its cluster shop-web runs an older version in two instances behind the load balancer shop-web, at `address`."""

    cloud: CloudProvider
    account: str
    region: str
    actor: Actor
    ci: Controller
    address: str = ""

    def named(self, text: str) -> Any:
        """JSON with this site's names in it."""
        for word, meant in (("ACCOUNT", self.account), ("REGION", self.region), ("CLOUD", self.cloud.key)):
            text = text.replace(f'"{word}"', json.dumps(meant))
        return json.loads(text)

    def save(self, document: Json) -> Pipeline:
        saved = operations.save_pipeline(self.actor, Application.objects.get(name="shop"), json.dumps(document))
        assert saved.warnings == []
        return saved.pipeline

    def save_example(self, name: str) -> Pipeline:
        return self.save(self.named((EXAMPLES / f"{name}.json").read_text()))

    def group(self, name: str) -> ServerGroup:
        return self.cloud.server_groups.get(self.account, self.region, name)

    def is_sick(self, name: str) -> bool:
        """Whether it is there with instances that are all Down."""
        groups = self.cloud.server_groups.list(self.account, self.region)
        return any(g.name == name and g.instances and g.count(Health.DOWN) == len(g.instances) for g in groups)

    def there(self) -> dict[str, tuple[str, int, Json]]:
        """{name: (enabled or disabled, instances, patches)} of what is not going."""
        return {
            group.name: ("disabled" if group.is_disabled else "enabled", len(group.instances), group.patches)
            for group in self.cloud.server_groups.list(self.account, self.region)
            if not group.is_being_destroyed
        }

    def asks(self) -> bool:
        return Stage.objects.filter(type_key="manualJudgment", status="RUNNING").exists()

    def go_on(
        self,
        execution: Execution,
        until: Callable[[], bool] = lambda: False,
        meanwhile: Callable[[Execution], None] = lambda _: None,
    ) -> Execution:
        """Until it has ended, or `until` holds. The job `broken` fails, any other build is good."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not (execution.ended_at or until()):
            assert time.monotonic() < deadline, tree(execution)
            for item in self.ci.waiting():
                self.ci.begin(item.job)
                result = "FAILURE" if item.job == "broken" else "SUCCESS"
                self.ci.end(item.job, result, build_properties=b"version=1.4.0\n")
            self._look(execution)
            meanwhile(execution)
            time.sleep(0.05)
        return execution

    def _look(self, execution: Execution) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pipelines_step SET due_at = engine_now() WHERE due_at IS NOT NULL")
            cursor.execute("UPDATE pipelines_execution SET due_at = engine_now(), lease_until = NULL")
        for one in Execution.objects.filter(ended_at=None):
            drive(one.pk)
        execution.refresh_from_db()


@contextmanager
def on_this_host(agent: LocalAgent, settings: Any, folder: Path) -> Iterator[Site]:
    with local_world.standing(agent) as world, beside(settings, folder) as ci:
        for version in (GOOD, BETTER, SICK):
            world.cloud.upload("shop", version, app.build(version, health=503 if version == SICK else 200))
        world.stand("shop-web-v000")
        yield Site(agent.cloud, clouds.ACCOUNT, clouds.REGION, world.actor, ci, world.address)


@contextmanager
def on_amazon(amazon: Amazon, settings: Any, folder: Path) -> Iterator[Site]:
    amazon.moto.world.packages |= {("shop", version) for version in (GOOD, BETTER, SICK)}
    with beside(settings, folder) as ci:
        site = Site(amazon.cloud, on_aws.ACCOUNT, on_aws.REGION, amazon.actor, ci)
        image = amazon.moto.base_image(site.region)
        request = ServerGroupRequest(site.region, "shop-web-v000", image, Capacity(2, 2, 2), ("shop-web",))
        site.cloud.server_groups.create(site.account, request, "before")
        wait_until(lambda: site.group("shop-web-v000").count(Health.UP) == 2, pause=0)
        yield site


@contextmanager
def beside(settings: Any, folder: Path) -> Iterator[Controller]:
    """Jenkins, and a process that takes up scripts."""
    if script.host().isolation is Isolation.NONE:
        pytest.skip("this host allows no isolation")
    with standing_in(settings) as ci, Crew(folder / "work.log") as crew:
        ci.job("broken", version=())
        crew.add(_run_scripts)
        yield ci


def _run_scripts() -> None:
    """What `manage.py work` does, but listening for hints."""
    live_settings.SCRIPTS = True
    signal.signal(signal.SIGTERM, lambda *_: (work.STOPPING.set(), work.nudge()))
    work.run()
