"""Claiming: what one worker does to an execution never holds up another worker."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, transaction

from pipelines.core.plan import Effect, Intent
from pipelines.engine import lease, speak
from pipelines.engine.drive import drive
from pipelines.models import Execution, Step
from pipelines.stages.base import BaseStage

WAIT_0 = {"type": "wait", "waitTime": 0}


def test_a_claim_does_not_wait_for_whoever_has_the_row_locked(begin):
    execution = begin(WAIT_0)
    locked, done = threading.Event(), threading.Event()

    def stand_still():
        with transaction.atomic():
            speak.lock(execution.pk)
            locked.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=stand_still)
    holder.start()
    try:
        assert locked.wait(10)
        began_at = time.monotonic()
        assert lease.claim(execution.pk) is None
        assert time.monotonic() - began_at < 1
    finally:
        done.set()
        holder.join()
    assert lease.claim(execution.pk) is not None


def test_a_lease_lost_just_before_a_call_is_no_fault_of_the_step(begin, stage_type, monkeypatch, caplog):
    class Making(BaseStage):
        """Never gets to make anything."""

        key, label = "making", "Making"

        def steps(self, config):
            return (Effect("make", lambda step, config: Intent({}, "making"), pytest.fail, pytest.fail),)

    def taken_over(self):
        Execution.objects.update(lease_epoch=99)
        self.renew()

    monkeypatch.setattr(lease.Lease, "make_fresh", taken_over)
    stage_type(Making())
    execution = begin({"type": "making"})
    assert drive(execution.pk) is True
    assert Step.objects.get().status == "INTENT"
    assert [record.levelname for record in caplog.records if record.name.startswith("pipelines")] == ["WARNING"]
