"""A run is cancelled just after its worker was killed: nothing begins any more, and what was done is known."""

from __future__ import annotations

import pytest

from clusters.models import OpLock
from clusters.providers.base import TOKEN_TAG
from clusters.trust.permissions import actor_named
from pipelines.models import Execution, Step
from pipelines.operations import cancel
from tests.faults.case import side_by_side
from tests.faults.crew import Crew
from tests.faults.ground import Ground
from tests.faults.ledger import check_fences, check_history
from tests.faults.test_signals import AROUND, CREATE, DESTROY
from tests.faults.watch import Watch


@pytest.mark.parametrize("call", [CREATE, DESTROY])
def test_after_a_cancel_nothing_begins_and_what_was_done_is_known(ground: Ground, call: str) -> None:
    side_by_side(ground, cancelled_at, [(call, point) for point in AROUND])


def cancelled_at(ground: Ground, part: tuple[str, int]) -> None:
    call, point = part
    name = f"cancel{call.rpartition('.')[2]}{point}"
    with ground.cleared(name), Crew(ground.folder / f"{name}.log") as crew:
        watch = Watch(ground.start(name))
        first = crew.add(CRASH_FROM=f"{call}:before", CRASH_AT=str(point))
        watch.until(lambda seen: not first.is_running)
        cancel(actor_named("ada", via="ui"), watch.execution, "wrong version")
        crew.add()
        watch.until(lambda seen: seen.is_complete)
        watch.execution.refresh_from_db()
        check_fences(watch)
        check_cancelled(watch.execution, ground)


def check_cancelled(execution: Execution, ground: Ground) -> None:
    assert (execution.status, execution.lease_until, execution.due_at) == ("CANCELED", None, None)
    assert not OpLock.objects.exists()
    check_history(execution)
    asked = execution.events.get(kind="cancel").seq
    assert not execution.events.filter(seq__gt=asked, kind="step", status="INTENT").exists()
    made = Step.objects.filter(stage__execution=execution, name="createServerGroup", status="DONE")
    found = {group.tags[TOKEN_TAG] for group in ground.groups(execution.application)}
    assert {token for token in found if not token.startswith("before ")} == set(made.values_list("token", flat=True))
