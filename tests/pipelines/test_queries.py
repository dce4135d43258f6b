"""Reads by themselves: who sees what, pages by key, highest attempts, and how long it usually takes."""

from datetime import timedelta

import pytest
from django.utils import timezone

from clusters.models import Application
from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Execution, Stage
from pipelines.models.ids import uuid7
from pipelines.queries import runs, turn, visible, whole
from pipelines.queries.runs import Filters
from tests.pipelines.views.conftest import alice, asking, begin, bob, charlie, moved, person, release, rita, save, shop

__all__ = ["alice", "asking", "bob", "charlie", "release", "rita", "shop"]


def test_each_sees_what_their_roles_may_read(alice, bob, rita, charlie, asking):
    seen = {user.username: visible.executions(actor_of(user)).count() for user in (alice, bob, rita, charlie)}
    assert seen == {"alice": 1, "bob": 1, "rita": 1, "charlie": 0}
    may_run = {user.username: visible.runnable_names(actor_of(user)) for user in (alice, bob, rita, charlie)}
    assert may_run == {"alice": {"shop"}, "bob": set(), "rita": {"shop"}, "charlie": set()}
    assert visible.may_execute(actor_of(rita), "shop")
    assert not visible.may_execute(actor_of(bob), "shop")


def test_history_outlives_its_application_for_superusers_alone(alice, asking):
    root = actor_of(person("root", "admins", is_superuser=True))
    Application.objects.all().delete()
    assert whole.find(root, asking.ulid) == asking
    with pytest.raises(Execution.DoesNotExist):
        whole.find(actor_of(alice), asking.ulid)


def test_pages_join_without_gap_or_overlap(alice, release):
    begun = [begin(alice, release).ulid for _ in range(5)]
    found, before = [], ""
    while True:
        page, before = runs.page(Execution.objects.all(), before, size=2)
        found += [run.execution.ulid for run in page]
        if not before:
            break
    assert found == begun[::-1]


def test_a_new_execution_does_not_shift_older_pages(alice, release):
    first, second = begin(alice, release), begin(alice, release)
    _, before = runs.page(Execution.objects.all(), size=1)
    begin(alice, release)
    page, _ = runs.page(Execution.objects.all(), before, size=1)
    assert [run.execution for run in page] == [first]
    assert before == second.ulid


def test_a_pipeline_shows_all_open_and_the_newest_five_ended(alice, shop, release):
    ended = [begin(alice, release) for _ in range(7)]
    for execution in ended:
        operations.cancel(actor_of(alice), execution)
        moved(execution)
    still_open = begin(alice, release)
    group = runs.by_pipeline(shop, Filters(), timezone.now())[0]
    assert [run.execution for run in group.runs] == [still_open, *ended[:1:-1]]
    assert group.results == ended[::-1]


def test_operations_outside_of_pipelines_have_a_group_of_their_own(alice, shop):
    operations.run_task(actor_of(alice), shop, "Resize", [{"refId": "1", "type": "wait", "waitTime": 0}])
    group = runs.by_pipeline(shop, Filters(), timezone.now())[-1]
    assert group.pipeline is None
    assert group.runs[0].execution.name == "Resize"


def test_lists_carry_no_contexts(alice, asking):
    page, _ = runs.page(Execution.objects.all())
    assert all(set(stage.context) <= {"failPipeline", "continuePipeline"} for stage in page[0].stages)
    assert {"spec", "trigger"} <= page[0].execution.get_deferred_fields()


def test_the_highest_attempt_counts_and_older_ones_stay_within_reach(alice, asking):
    operations.judge(actor_of(alice), asking, "2", "stop")
    moved(asking)
    operations.restart_stage(actor_of(alice), asking, "2")
    moved(asking)
    found = whole.whole(whole.find(actor_of(alice), asking.ulid))
    assert [(stage.ref, stage.attempt) for stage in found.tops] == [("1", 1), ("2", 2), ("3", 2)]
    assert [stage.attempt for stage in found.attempts("2")] == [2, 1]
    assert [waits.stage.attempt for waits in found.waiting] == [2]


def test_parts_belong_to_the_attempt_they_were_made_in(asking):
    top = asking.stages.get(ref="1")
    part = {"execution": asking, "ref": "1<1", "type_key": "x", "name": "Part", "position": 9}
    Stage.objects.create(id=uuid7(), parent=top, **part)
    Stage.objects.create(id=uuid7(), execution=asking, ref="1", attempt=2, type_key="wait", name="Settle", position=0)
    found = whole.whole(asking)
    assert [stage.ref for stage in found.below(found.tops[0])] == ["1"]
    assert [stage.ref for stage in found.below(found.attempts("1")[1])] == ["1", "1<1"]


def test_usual_is_the_median_of_successes():
    now = timezone.now()
    rows = [
        Execution(status=status, started_at=now, ended_at=now + timedelta(minutes=minutes))
        for status, minutes in (("SUCCEEDED", 10), ("SUCCEEDED", 14), ("SUCCEEDED", 90), ("TERMINAL", 1))
    ]
    assert runs.usual(rows) == timedelta(minutes=14)
    assert runs.usual([]) is None


def test_your_turn_is_what_you_may_answer(alice, bob, rita, shop, release, asking):
    stages = [{"refId": "1", "type": "manualJudgment", "name": "Go?", "requiredJudgmentRoles": ["ops", "runners"]}]
    begin(alice, save(alice, shop, name="Guarded", stages=stages, parameterConfig=[]))
    counts = {user.username: len(turn.asked(actor_of(user))) for user in (alice, bob, rita)}
    assert counts == {"alice": 1, "bob": 0, "rita": 1}
    rita.groups.create(name="ops")
    assert len(turn.asked(actor_of(rita))) == 2
    operations.judge(actor_of(alice), asking, "2", "stop")
    assert [run.execution.name for run in turn.your_turn(actor_of(rita))] == ["Guarded"]


def test_judges_are_all_who_may_answer_the_reader_first(alice, bob, rita, asking):
    allowed = visible.roles_that_execute("shop")
    assert allowed == {"owners", "runners"}
    assert turn.judges(actor_of(rita), allowed, {}).people == ["you", "alice"]
    assert turn.judges(actor_of(bob), allowed, {"selectedStageRoles": ["runners"]}).people == ["rita"]
    root = person("root", "admins", is_superuser=True)
    assert turn.judges(actor_of(root), allowed, {}).includes_you
