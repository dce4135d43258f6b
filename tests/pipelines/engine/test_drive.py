"""drive(): from a hint to rows, on the real database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from pipelines.core.plan import ABSENT, Effect, Failed, Intent, Observe, Running, StepFailed, Succeeded
from pipelines.engine import lease, speak, store, sweep
from pipelines.engine.drive import drive
from pipelines.models import Event, Execution, Judgment, Stage, Step
from pipelines.stages.base import BaseStage
from tests.pipelines.engine.conftest import driven

WAIT_0 = {"type": "wait", "waitTime": 0}
JUDGE = {"type": "manualJudgment", "name": "Go live?"}


def statuses(execution):
    return {stage.ref: stage.status for stage in execution.stages.order_by("attempt")}


def test_a_chain_of_waits_runs_to_its_end_in_one_drive(begin):
    execution = driven(begin(WAIT_0, {**WAIT_0, "requisiteStageRefIds": ["1"]}))
    assert (execution.status, statuses(execution)) == ("SUCCEEDED", {"1": "SUCCEEDED", "2": "SUCCEEDED"})
    assert execution.lease_until is None
    assert execution.due_at is None


def test_a_wait_gives_the_lease_back_and_is_due_at_its_end(begin):
    execution = driven(begin({"type": "wait", "waitTime": 30}))
    step = Step.objects.get()
    assert (execution.status, execution.lease_until) == ("RUNNING", None)
    assert execution.due_at == step.started_at + timedelta(seconds=30)
    assert drive(execution.pk) is False


def test_history_alone_gives_the_statuses(begin):
    execution = driven(begin(WAIT_0, {**WAIT_0, "requisiteStageRefIds": ["1"]}))
    events = list(Event.objects.filter(execution=execution))
    assert [event.seq for event in events] == list(range(1, execution.last_seq + 1))
    told = {(event.kind, event.ref): event.status for event in events}
    assert told["execution", ""] == execution.status
    assert {ref: told["stage", ref] for ref in ("1", "2")} == statuses(execution)


def test_history_cannot_be_altered(begin):
    begin(WAIT_0)
    for change in (lambda: Event.objects.update(message="x"), lambda: Event.objects.all().delete()):
        with pytest.raises(DatabaseError, match="history"), transaction.atomic():
            change()


def test_the_database_refuses_a_move_off_the_table(begin):
    execution = driven(begin(WAIT_0))
    with pytest.raises(DatabaseError, match="may not go"), transaction.atomic():
        Execution.objects.filter(pk=execution.pk).update(status="RUNNING")
    with pytest.raises(DatabaseError, match="may not go"), transaction.atomic():
        Stage.objects.update(status="RUNNING")


def test_a_judgment_waits_without_a_due_time_of_its_own_and_goes_on_when_judged(begin):
    execution = driven(begin(JUDGE, {**WAIT_0, "requisiteStageRefIds": ["1"]}))
    step = Step.objects.get()
    assert step.wait_key == f"judgment:{step.stage_id}"
    assert execution.due_at == step.deadline
    say(speak.judge, execution.pk, step.stage, "bea", "continue", reason="looks fine")
    execution = driven(execution)
    assert execution.status == "SUCCEEDED"
    assert Stage.objects.get(ref="1").context["judgmentStatus"] == "continue"


def test_stop_fails_the_execution_and_says_who_said_so(begin):
    execution = driven(begin(JUDGE))
    say(speak.judge, execution.pk, Stage.objects.get(), "bea", "stop", reason="not today")
    execution = driven(execution)
    assert (execution.status, execution.message) == ("TERMINAL", "Go live?: bea said stop: not today")


def test_the_second_judge_is_told_who_was_first(begin):
    execution = driven(begin(JUDGE))
    stage = Stage.objects.get()
    say(speak.judge, execution.pk, stage, "bea", "continue")
    with pytest.raises(speak.Conflict, match="bea has already judged: go on"):
        say(speak.judge, execution.pk, stage, "cid", "stop")
    assert Judgment.objects.get().by == "bea"


def test_a_skipped_wait_ends_at_once(begin):
    execution = driven(begin({"type": "wait", "waitTime": 3000}))
    say(speak.skip, execution.pk, Stage.objects.get(), "bea")
    assert driven(execution).status == "SUCCEEDED"


def test_cancel_is_a_row_update_that_the_next_drive_obeys(begin):
    execution = driven(begin({"type": "wait", "waitTime": 3000}))
    say(speak.cancel, execution.pk, "bea", "wrong version")
    execution = driven(execution)
    assert (execution.status, execution.cancelled_by, statuses(execution)) == ("CANCELED", "bea", {"1": "CANCELED"})
    with pytest.raises(speak.Conflict, match="already ended"):
        say(speak.cancel, execution.pk, "bea", "")


def test_a_restart_runs_the_stage_and_all_behind_it_again_and_keeps_the_old_rows(begin):
    execution = driven(
        begin(WAIT_0, {**JUDGE, "requisiteStageRefIds": ["1"]}, {**WAIT_0, "requisiteStageRefIds": ["2"]})
    )
    say(speak.judge, execution.pk, Stage.objects.get(ref="2"), "bea", "stop")
    execution = driven(execution)
    assert execution.status == "TERMINAL"
    say(speak.restart, execution.pk, Stage.objects.get(ref="2"), "cid")
    execution = driven(execution)
    assert (execution.status, execution.attempt) == ("RUNNING", 2)
    again = Stage.objects.get(ref="2", attempt=2)
    assert (again.status, Stage.objects.get(ref="2", attempt=1).status) == ("RUNNING", "TERMINAL")
    say(speak.judge, execution.pk, again, "cid", "continue")
    assert driven(execution).status == "SUCCEEDED"
    assert list(Stage.objects.filter(ref="1").values_list("attempt", flat=True)) == [1]


def test_only_an_ended_execution_is_restarted(begin):
    execution = driven(begin({"type": "wait", "waitTime": 3000}))
    with pytest.raises(speak.Conflict, match="still running"):
        say(speak.restart, execution.pk, Stage.objects.get(), "bea")


class Making(BaseStage):
    """Makes one thing, as told by the test."""

    key, label = "making", "Making"

    def __init__(self, perform, find=lambda intent, step: ABSENT, intend=None):
        intend = intend or (lambda step, config: Intent({"token": step.token}, "making", lock="prod:eu:shop"))
        self.effect = Effect("make", intend, perform, find)

    def steps(self, config):
        return (self.effect,)


def test_an_effect_is_written_down_before_it_is_done(begin, stage_type):
    seen = []

    def perform(intent, step):
        row = Step.objects.get()
        seen.append((row.status, row.intent["request"], connection.in_atomic_block))
        return Succeeded({"made": True})

    stage_type(Making(perform))
    execution = driven(begin({"type": "making"}))
    step = Step.objects.get()
    assert seen == [("INTENT", {"token": step.token}, False)]
    assert (execution.status, step.status, Stage.objects.get().context["made"]) == ("SUCCEEDED", "DONE", True)


def test_a_taken_over_effect_is_found_and_not_done_again(begin, stage_type):
    class Gone(BaseException):
        """The worker ends here."""

    made = []

    def perform(intent, step):
        made.append(step.token)
        raise Gone

    stage_type(Making(perform, find=lambda intent, step: Succeeded({"found": step.token})))
    execution = begin({"type": "making"})
    with pytest.raises(Gone):
        drive(execution.pk)
    assert drive(execution.pk) is False, "the lease still stands"
    expire_lease()
    execution = driven(execution)
    assert (execution.status, made, Stage.objects.get().context["found"]) == ("SUCCEEDED", made[:1], made[0])


def test_a_taken_over_effect_that_is_surely_absent_is_done_with_the_same_token(begin, stage_type):
    class Gone(BaseException):
        """The worker ends here."""

    tokens = []

    def perform(intent, step):
        tokens.append(step.token)
        if len(tokens) == 1:
            raise Gone
        return Succeeded()

    stage_type(Making(perform))
    execution = begin({"type": "making"})
    with pytest.raises(Gone):
        drive(execution.pk)
    expire_lease()
    assert driven(execution).status == "SUCCEEDED"
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


def test_a_cancel_between_intent_and_takeover_finds_out_but_does_not_do(begin, stage_type):
    class Gone(BaseException):
        """The worker ends here."""

    def perform(intent, step):
        raise Gone

    stage_type(Making(perform))
    execution = begin({"type": "making"})
    with pytest.raises(Gone):
        drive(execution.pk)
    say(speak.cancel, execution.pk, "bea", "")
    expire_lease()
    assert driven(execution).status == "CANCELED"


def test_a_cancel_during_the_call_keeps_what_the_call_made_known(begin, stage_type):
    def perform(intent, step):
        say(speak.cancel, Execution.objects.get().pk, "bea", "")
        return Succeeded({"serverGroupName": "shop-v001"})

    stage_type(Making(perform))
    execution = driven(begin({"type": "making"}))
    assert execution.status == "CANCELED"
    assert Stage.objects.get().context["serverGroupName"] == "shop-v001"


def test_a_start_whose_provider_never_answers_does_not_keep_a_cancel_waiting_for_ever(begin, stage_type):
    def perform(intent, step):
        raise StepFailed("no answer", is_retryable=True)

    stage_type(Making(perform, find=perform))
    execution = driven(begin({"type": "making"}))
    say(speak.cancel, execution.pk, "bea", "")
    make_due(execution)
    assert driven(execution).status == "RUNNING", "it may yet be found"
    Step.objects.update(deadline=Step.objects.get().started_at)
    make_due(execution)
    assert driven(execution).status == "CANCELED"
    assert "It is not known whether this was done: making." in Stage.objects.get().message


def test_a_retryable_failure_is_tried_again_later_with_the_same_intent(begin, stage_type):
    calls = []

    def perform(intent, step):
        calls.append(step.token)
        if len(calls) < 3:
            raise StepFailed("the cloud is busy", is_retryable=True)
        return Succeeded()

    stage_type(Making(perform))
    execution = driven(begin({"type": "making"}))
    assert "the cloud is busy" in Step.objects.get().waiting_for
    for _ in range(2):
        make_due(execution)
        execution = driven(execution)
    assert (execution.status, len(calls), len(set(calls))) == ("SUCCEEDED", 3, 1)


def test_what_intend_refuses_fails_the_stage_and_leaves_nothing_written(begin, stage_type):
    def intend(step, config):
        Stage.objects.update(name="written by intend")
        raise StepFailed("capacity: min 3 is above max 2")

    stage_type(Making(None, intend=intend))
    execution = driven(begin({"type": "making"}))
    assert execution.message == "making: capacity: min 3 is above max 2"
    assert Stage.objects.get().name == "making"


def test_two_effects_on_one_cluster_never_interleave(begin, stage_type):
    held = []

    def perform(intent, step):
        other = begin({"type": "making"})
        drive(other.pk)
        held.append(Step.objects.get(stage__execution=other).waiting_for)
        return Succeeded()

    stage_type(Making(perform))
    assert driven(begin({"type": "making"})).status == "SUCCEEDED"
    assert held == ["making to end on this cluster"]
    other = Execution.objects.exclude(status="SUCCEEDED").get()
    stage_type(Making(lambda intent, step: Succeeded()))
    make_due(other)
    assert driven(other).status == "SUCCEEDED"


def test_a_fault_of_ours_fails_the_stage_without_telling_secrets(begin, stage_type):
    def perform(intent, step):
        raise ValueError("password is hunter2")

    stage_type(Making(perform))
    execution = driven(begin({"type": "making"}))
    assert execution.status == "TERMINAL"
    assert "hunter2" not in Stage.objects.get().message


def test_a_stale_holder_writes_nothing(begin, stage_type):
    class Look(BaseStage):
        """Loses its lease while it looks."""

        key, label = "look", "Look"

        def steps(self, config):
            return (Observe("look", self.check),)

        def check(self, step, config):
            Execution.objects.update(lease_epoch=99)
            return Failed("never to be seen")

    stage_type(Look())
    execution = driven(begin({"type": "look"}))
    assert (execution.status, Stage.objects.get().status, Step.objects.get().status) == (
        "RUNNING",
        "RUNNING",
        "PENDING",
    )


def test_the_next_holder_of_an_abandoned_execution_goes_on(begin, stage_type):
    looks = []

    class Gone(BaseException):
        """The worker ends here."""

    class Look(BaseStage):
        """Vanishes at the first look."""

        key, label = "look", "Look"

        def steps(self, config):
            return (Observe("look", self.check),)

        def check(self, step, config):
            looks.append(step.token)
            if len(looks) == 1:
                raise Gone
            return Running("the rest", again_in=60) if len(looks) == 2 else Succeeded()

    stage_type(Look())
    execution = begin({"type": "look"})
    with pytest.raises(Gone):
        drive(execution.pk)
    assert sweep.due() == []
    expire_lease()
    assert sweep.due() == [execution.pk]
    assert driven(execution).status == "RUNNING"
    assert 59 < sweep.seconds_to_next() < 60


def test_after_five_vanished_holders_a_person_is_asked_and_may_try_again(begin):
    execution = begin(WAIT_0)
    for _ in range(lease.MOST_CRASHES + 1):
        assert lease.claim(execution.pk) is not None
        expire_lease()
    assert lease.claim(execution.pk) is None
    execution.refresh_from_db()
    assert "workers in a row" in execution.attention_reason
    assert sweep.due() == []
    say(speak.try_again, execution.pk, "bea")
    assert driven(execution).status == "SUCCEEDED"


def test_the_same_dedupe_key_gives_the_same_execution(begin):
    first = begin(WAIT_0, dedupe_key="build 7")
    assert begin(WAIT_0, dedupe_key="build 7") == first
    assert Execution.objects.count() == 1


def test_loading_under_an_old_epoch_is_stale(begin):
    execution = begin(WAIT_0)
    old = lease.claim(execution.pk)
    Execution.objects.update(lease_epoch=old.epoch + 1)
    with pytest.raises(lease.Stale):
        store.load(old)


def say(what, execution_id, *args, **more):
    with transaction.atomic():
        return what(speak.lock(execution_id), *args, **more)


def expire_lease():
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pipelines_execution SET lease_until = engine_now() - interval '1 s' WHERE lease_until IS NOT NULL"
        )


def make_due(execution):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pipelines_execution SET due_at = engine_now() WHERE id = %s", [execution.pk])
        cursor.execute("UPDATE pipelines_step SET due_at = engine_now() WHERE due_at IS NOT NULL")
