"""The main job by itself: traffic from before the bake to the end of the old version, an answer, the verdict."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from clusters.providers import get_provider
from pipelines import operations
from pipelines.models import Execution, Stage
from spinnaker_web.demo import world
from spinnaker_web.demo.killer import Killer
from spinnaker_web.demo.traffic import Record, Traffic

LOAD_BALANCER = f"{world.APPLICATION}-prod"
CLUSTER = f"{world.APPLICATION}-prod"
#: Longest that the whole pipeline may take, seconds.
PATIENCE = 300
LEAST_RATE = 50.0
WAIT, JUDGMENT = "wait", "manualJudgment"


class TourFailed(Exception):
    """The demo did not show what it is to show; the message says what."""


@dataclass
class Tour:
    """`say` prints a line. With a killer, instances of production are killed one by one during the wait."""

    say: Callable[[str], None]
    killer: Killer | None = None
    began_at: float = field(default_factory=time.monotonic)
    _told: set[str] = field(default_factory=set)

    def run(self) -> str:
        """The last line. Raises TourFailed."""
        actor = world.administrator()
        self._set_up()
        address = get_provider("local").load_balancers.get(world.ACCOUNT, world.REGION, LOAD_BALANCER).address
        self.say(f"Clients ask {address} from here on.")
        with Traffic(address) as traffic:
            time.sleep(1.0)
            execution = operations.start(actor, world.pipeline(world.SHIP), note="make demo")
            self._follow(execution, self._act)
            time.sleep(1.0)
        return self._verdict(traffic.record, execution)

    def _set_up(self) -> None:
        """Production on the first version, whatever stands there: by the run a new stack begins with, or another."""
        pipeline = world.pipeline(world.SET_UP)
        under_way = pipeline.executions.open().first()
        execution = under_way or operations.start(world.administrator(), pipeline, note="make demo")
        self._follow(execution, lambda stage: None)

    def _follow(self, execution: Execution, act: Callable[[Stage], None]) -> None:
        """Print stages as they end and act on those that run, until the execution has ended well."""
        self.say(f"{execution.name} #{execution.number}")
        deadline = time.monotonic() + PATIENCE
        while not execution.is_complete:
            if time.monotonic() > deadline:
                raise TourFailed(f"{execution} did not end within {PATIENCE} s.")
            for stage in execution.stages.filter(parent=None):
                self._tell(stage)
                if stage.status == "RUNNING":
                    act(stage)
            time.sleep(0.1)
            execution.refresh_from_db()
        for stage in execution.stages.filter(parent=None):
            self._tell(stage)
        if execution.status != "SUCCEEDED":
            raise TourFailed(f"{execution} ended as {execution.look.word.lower()}: {execution.message}")

    def _tell(self, stage: Stage) -> None:
        key = f"{stage.pk} {stage.status}"
        if stage.ended_at and stage.started_at and key not in self._told:
            self._told.add(key)
            took = (stage.ended_at - stage.started_at).total_seconds()
            self.say(f"  {self._clock():6.1f} s  {stage.name}: {stage.look.word.lower()} after {took:.1f} s")

    def _act(self, stage: Stage) -> None:
        if stage.type_key == WAIT and self.killer is not None and str(stage.pk) not in self._told:
            self._told.add(str(stage.pk))
            self._kill_all(self.killer)
        elif stage.type_key == JUDGMENT and stage.steps.filter(status="RUNNING").exists():
            operations.judge(world.administrator(), stage.execution, stage.ref, "continue", reason="make demo")

    def _kill_all(self, killer: Killer) -> None:
        groups = get_provider("local").server_groups
        for group in groups.list(world.ACCOUNT, world.REGION):
            if group.name.startswith(f"{CLUSTER}-v") and not group.is_disabled:
                for instance in group.instances:
                    self._kill(killer, group.name, instance.id)

    def _kill(self, killer: Killer, group: str, instance_id: str) -> None:
        if not killer.kill(instance_id):
            raise TourFailed(f"No process of instance {instance_id} was found on this host.")
        self.say(f"  {self._clock():6.1f} s  killed instance {instance_id} of {group}")
        self._wait_until_whole(group)

    def _wait_until_whole(self, name: str) -> None:
        """One by one: the next instance only once the group is at its size again."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.2)
            group = get_provider("local").server_groups.get(world.ACCOUNT, world.REGION, name)
            if sum(instance.health == "Up" for instance in group.instances) >= group.capacity.desired:
                return
        raise TourFailed(f"{name} did not come back to its size within 60 s.")

    def _verdict(self, record: Record, execution: Execution) -> str:
        excused = [failure for failure in record.failures if self.killer and self.killer.excuses(failure)]
        failed = [failure for failure in record.failures if failure not in excused]
        versions = ", ".join(f"{version} {count} times" for version, count in sorted(record.versions.items()))
        self.say(f"{record.rate:.0f} requests/s, longest gap {record.longest_gap * 1000:.0f} ms, versions: {versions}")
        for reason in sorted({failure.reason for failure in record.failures}):
            self.say(f"  not answered: {reason}")
        if missing := set(world.VERSIONS) - set(record.versions):
            raise TourFailed(f"Version {', '.join(sorted(missing))} never answered.")
        if record.rate < LEAST_RATE:
            raise TourFailed(f"Only {record.rate:.0f} requests/s were made; {LEAST_RATE:.0f} is the least.")
        if failed:
            raise TourFailed(f"{len(failed)} of {record.answers + len(record.failures)} requests failed.")
        if standing := self._old_groups(execution):
            raise TourFailed(f"The old version still stands: {', '.join(standing)}.")
        stages = execution.stages.filter(parent=None).count()
        killed = f", {len(self.killer.killed_at)} instances killed" if self.killer else ""
        lost = f" ({len(excused)} in flight on a killed process)" if self.killer else ""
        return (
            f"Succeeded in {self._clock():.1f} s: {stages} stages{killed}, "
            f"{record.answers} requests through the load balancer, 0 failed{lost}"
        )

    def _old_groups(self, execution: Execution) -> list[str]:
        new = execution.stages.filter(ref__startswith="5<").values_list("context__serverGroupName", flat=True)
        groups = get_provider("local").server_groups.list(world.ACCOUNT, world.REGION)
        return [group.name for group in groups if group.name.startswith(f"{CLUSTER}-v") and group.name not in new]

    def _clock(self) -> float:
        return time.monotonic() - self.began_at
