"""An execution played without a database: scripted stage types, decide() in a loop, and the world's answers by name."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pipelines.core.beginning import AS_THEY_ARE
from pipelines.core.decide import Performed, decide, write_intent
from pipelines.core.plan import Child, Effect, Failed, Intent, Observe, Outcome, Running, StepFailed, Succeeded
from pipelines.core.snapshot import Execution, Snapshot, Stage, StepStatus
from pipelines.core.status import Status

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scripted:
    """A stage type whose steps are named in its context: {"steps": ["a", "!b", "~c"]}.

    "!" marks an effect, "~" a step that can be called off.
    """

    key: str = "scripted"
    label: str = "Scripted"
    aliases: tuple[str, ...] = ()
    is_restartable: bool = True
    is_companion: bool = False

    def bare_expressions(self, context):
        return ()

    def evaluated(self, context, expressions):
        return expressions.evaluate(context, but=AS_THEY_ARE)

    def parse(self, context):
        if "badConfig" in context:
            raise StepFailed("badConfig: is bad", field="badConfig")
        return dict(context)

    def before(self, config, stage):
        return self._children(config, "before")

    def after(self, config, stage):
        return self._children(config, "after")

    def on_failure(self, config, stage, failed_step):
        return self._children(config, "onFailure")

    def steps(self, config):
        return tuple(self._step(name, config) for name in config.get("steps", ["work"]))

    def _step(self, name, config):
        timeout = config.get("timeout")
        if name.startswith("!"):
            return Effect(name, None, None, None, timeout_seconds=timeout)
        return Observe(name, None, timeout_seconds=timeout, call_off=print if name.startswith("~") else None)

    def _children(self, config, key):
        return [
            Child(
                child.get("type", "scripted"),
                child["name"],
                {k: v for k, v in child.items() if k not in ("name", "type")},
                tuple(child.get("follows", ())),
            )
            for child in config.get(key, [])
        ]


def stage(ref, *requisites, **context):
    return {"ref": ref, "requisites": requisites, "context": context}


@dataclass
class Play:
    """`answers` maps "stage name/step" or "stage name" to an outcome, a list of outcomes, or nothing (succeeds)."""

    stages: list[dict]
    answers: dict[str, Outcome | list[Outcome]] = field(default_factory=dict)
    now: datetime = START
    performed: list[str] = field(default_factory=list)
    events: list = field(default_factory=list)
    snapshot: Snapshot = None

    def __post_init__(self):
        made = {}
        for position, item in enumerate(self.stages):
            stage_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, item["ref"]))
            context = dict(item["context"])
            made[stage_id] = Stage(
                stage_id,
                item["ref"],
                1,
                context.pop("type", "scripted"),
                context.pop("name", item["ref"]),
                position=position,
                requisites=tuple(item["requisites"]),
                context=context,
            )
        self.snapshot = Snapshot(Execution("e1", "app", Status.NOT_STARTED), made, {})

    def find_type(self, key):
        types = {"scripted": Scripted(), "companion": Scripted(key="companion", is_companion=True)}
        return types.get(key)

    def run(self, rounds=300):
        """Until there is nothing to do now."""
        performed = None
        for _ in range(rounds):
            decision = decide(self.snapshot, self.now, self.find_type, performed)
            self.events += decision.events
            step = decision.after.steps.get(decision.perform)
            if step and step.kind == "effect" and step.status is not StepStatus.INTENT:
                decision = write_intent(decision, Intent({}, "doing"))
            self.snapshot = decision.after
            self.decision = decision
            if decision.perform is None:
                return self
            performed = Performed(decision.perform, self.answer(decision))
        raise AssertionError("it never came to rest")

    def answer(self, decision):
        step = decision.after.steps[decision.perform]
        owner = decision.after.stages[step.stage_id]
        what = f"{owner.name}/{step.name}" + (" off" if step.status is StepStatus.STOPPING else "")
        self.performed.append(what)
        for key in (what, owner.name):
            if key in self.answers:
                given = self.answers[key]
                return given.pop(0) if isinstance(given, list) else given
        return Succeeded()

    def pass_time(self, seconds):
        self.now += timedelta(seconds=seconds)
        return self.run()

    def cancel(self):
        self.snapshot = replace(self.snapshot, execution=replace(self.snapshot.execution, is_cancel_requested=True))
        return self.run()

    def status(self, name):
        return next(stage.status for stage in self.snapshot.stages.values() if stage.name == name)

    def message(self, name):
        return next(stage.message for stage in self.snapshot.stages.values() if stage.name == name)

    @property
    def execution(self):
        return self.snapshot.execution.status


WAITS = Running("something", again_in=5)
FAILS = Failed("it broke")
