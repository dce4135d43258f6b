"""Long work: submitted once, claimed by one, renewed while it runs, ended once; its end wakes whoever waits."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import django_rq
import pytest
from django.db import connection, transaction
from rq.serializers import JSONSerializer

from pipelines.core.plan import Failed, Intent, Observe, Succeeded
from pipelines.engine import drive as driving
from pipelines.engine import hints, speak, work
from pipelines.engine.drive import drive
from pipelines.models import Execution, Stage, Step, Work
from pipelines.models.work import LOG_CHARACTERS, WorkStatus
from pipelines.stages.base import BaseStage
from pipelines.stages.parts.work import submission, waiting_for, work_of
from pipelines.work import KINDS
from pipelines.work.base import Ended


class Chore(BaseStage):
    """Does what its context says: {"do": …}; `detached`: without waiting."""

    key: ClassVar[str] = "chore"
    label: ClassVar[str] = "Chore"

    def parse(self, context):
        return context

    def steps(self, config):
        def intend(step, config):
            return Intent({"do": config["do"], "outlivesStage": config.get("detached", False)}, "do a chore")

        def follow(step, config):
            found = work_of(step)
            if found.is_open:
                return waiting_for(found, "a chore")
            return Succeeded(outputs=found.result) if found.status == "SUCCEEDED" else Failed(found.message)

        start = submission("startChore", "chore", intend, lambda step: None)
        return (start,) if config.get("detached") else (start, Observe("followChore", follow, timeout_seconds=60))


class ChoreKind:
    """`begun` counts; `go` lets those end that wait."""

    def __init__(self):
        self.begun, self.go = 0, threading.Event()

    def run(self, request, desk):
        self.begun += 1
        desk.hide(["hunter2"])
        match request["do"]:
            case "break":
                raise RuntimeError("a fault")
            case "wait":
                while not (self.go.is_set() or desk.stopping.wait(0.01)):
                    pass
                return Ended(self.go.is_set(), "It was told to stop.")
            case "print":
                desk.print("x" * 3 * LOG_CHARACTERS + "\nthe password is hunter2\n")
        return Ended(True, result={"answer": 42})

    def after_loss(self, request):
        return Ended(False, work.LOST)


@pytest.fixture
def chore(stage_type, monkeypatch):
    stage_type(Chore())
    kind = ChoreKind()
    monkeypatch.setitem(KINDS, "chore", kind)
    yield kind
    kind.go.set()


@pytest.fixture
def submitted(begin, chore):
    """submitted("wait") -> an execution whose chore waits to be taken up."""

    def submitted(do, **more):
        execution = begin({"type": "chore", "do": do, **more})
        drive(execution.pk)
        return execution

    return submitted


def outcome(execution):
    execution.refresh_from_db()
    return execution.status, execution.message


def lapse():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pipelines_work SET lease_until = engine_now() - interval '1 s'")


class InThread:
    """Carries out what is claimed, beside the test."""

    def __init__(self, claimed):
        self._thread = threading.Thread(target=lambda: (work.carry_out(claimed), connection.close()))
        self._thread.start()

    def join(self):
        self._thread.join(10)
        assert not self._thread.is_alive()


def until(holds, seconds=5):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_work_is_submitted_once_done_once_and_its_end_wakes_the_execution(submitted, chore):
    execution = submitted("answer")
    row = Work.objects.get()
    Work.objects.submit(row.token, "chore", {"do": "other"}, stage_id=str(row.stage_id))
    assert Work.objects.get().request == {"do": "answer"}
    step = Step.objects.get(name="followChore")
    assert (step.status, step.wait_key) == ("RUNNING", f"work:{row.token}")

    assert driving.drive(execution.pk) is False  # nothing is due: it waits to be woken
    work.carry_out(work.claim())
    assert work.claim() is None
    assert drive(execution.pk)
    assert outcome(execution) == ("SUCCEEDED", "")
    assert Stage.objects.get().outputs == {"answer": 42}
    assert chore.begun == 1


def test_an_end_that_comes_while_somebody_looks_is_not_missed(submitted, chore, monkeypatch):
    """The work ends after the step has seen it running and before that is written down."""
    looked, seen = driving._perform, []

    def look(lease, loaded, decision):
        outcome = looked(lease, loaded, decision)
        if loaded.snapshot.steps[decision.perform].name == "followChore" and not seen:
            seen.append(outcome)
            work.carry_out(work.claim())
        return outcome

    monkeypatch.setattr(driving, "_perform", look)
    execution = submitted("answer")
    assert "a chore" in seen[0].waiting_for
    assert outcome(execution)[0] == "SUCCEEDED"


def test_what_breaks_fails_with_a_sentence(submitted):
    execution = submitted("break")
    work.carry_out(work.claim())
    drive(execution.pk)
    status, message = outcome(execution)
    assert status == "TERMINAL"
    assert "It broke by a fault of this program; see the log for " in message


def test_a_kind_that_is_not_known_fails_with_a_sentence(submitted, monkeypatch):
    execution = submitted("answer")
    monkeypatch.delitem(KINDS, "chore")
    work.carry_out(work.claim())
    drive(execution.pk)
    assert outcome(execution)[1].endswith("There is no kind of work 'chore' here.")


def test_the_log_keeps_its_end_without_secrets_and_says_how_much_is_gone(submitted):
    submitted("print")
    work.carry_out(work.claim())
    row = Work.objects.get()
    assert len(row.log) == LOG_CHARACTERS
    assert row.log.endswith("the password is ••••••\n")
    assert row.log_cut > LOG_CHARACTERS


def test_one_that_runs_is_renewed_and_nobody_else_gets_it(submitted, chore, settings):
    settings.LEASE_SECONDS = 1.0
    submitted("wait")
    running = InThread(work.claim())
    time.sleep(1.5)
    assert work.claim() is None
    chore.go.set()
    running.join()
    assert Work.objects.get().status == "SUCCEEDED"


def test_what_a_vanished_worker_had_begun_is_not_begun_again(submitted, chore):
    execution = submitted("wait")
    assert work.claim()  # and gone
    assert work.claim() is None
    lapse()
    work.carry_out(work.claim())
    drive(execution.pk)
    assert outcome(execution) == ("TERMINAL", f"{Stage.objects.get().name}: {work.LOST}")
    assert chore.begun == 0


def test_a_worker_that_was_taken_for_gone_writes_nothing_when_it_goes_on(submitted, chore):
    execution = submitted("wait")
    slow = work.claim()
    lapse()
    work.carry_out(work.claim())
    work.carry_out(slow)
    assert (Work.objects.get().message, chore.begun) == (work.LOST, 0)
    drive(execution.pk)
    assert outcome(execution)[0] == "TERMINAL"


@pytest.mark.parametrize("detached", [False, True])
def test_a_cancel_stops_it_within_two_seconds(submitted, chore, detached):
    execution = submitted("wait", detached=detached)
    if detached:
        assert outcome(execution)[0] == "SUCCEEDED"
        Execution.objects.update(status="RUNNING", attempt=2)  # a later stage still runs
    running = InThread(work.claim())
    until(lambda: chore.begun)
    began = time.monotonic()
    cancel(execution)
    drive(execution.pk)
    running.join()
    assert time.monotonic() - began < 2
    assert Work.objects.get().status == WorkStatus.CANCELED
    assert outcome(execution)[0] == "CANCELED"


def cancel(execution):
    with transaction.atomic():
        speak.cancel(speak.lock(execution.pk), "ada", "")


def test_work_that_nobody_wants_any_more_is_not_begun(submitted, chore):
    execution = submitted("wait")
    cancel(execution)
    drive(execution.pk)
    work.carry_out(work.claim())
    assert (Work.objects.get().status, chore.begun) == ("CANCELED", 0)


def test_one_that_outlives_its_stage_goes_on_after_the_execution_has_ended(submitted, chore):
    execution = submitted("wait", detached=True)
    assert outcome(execution)[0] == "SUCCEEDED"
    running = InThread(work.claim())
    time.sleep(1.2)
    chore.go.set()
    running.join()
    assert Work.objects.get().status == "SUCCEEDED"
    assert outcome(execution)[0] == "SUCCEEDED"


def test_a_hint_tells_the_workers_of_the_queue(submitted):
    queue = django_rq.get_queue("work")
    queue.connection.flushdb()
    submitted("answer")
    assert [job.func_name for job in queue.jobs] == ["pipelines.jobs.work"]
    work._woken.clear()
    worker = hints.HintWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.stopping = threading.Event()
    worker.work(burst=True, logging_level="CRITICAL")
    assert work._woken.is_set()
