"""The rules of a graph of stages: order, joins, failure, cancel, time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.plan import Failed, Running, Skipped, Succeeded
from pipelines.core.snapshot import StepStatus
from pipelines.core.status import Status
from tests.pipelines.core.harness import FAILS, WAITS, Play, stage

SUCCEEDED, TERMINAL, CANCELED = Status.SUCCEEDED, Status.TERMINAL, Status.CANCELED
STOPPED, NOT_STARTED, RUNNING = Status.STOPPED, Status.NOT_STARTED, Status.RUNNING
FAILED_CONTINUE = Status.FAILED_CONTINUE

HALT_BRANCH = {"failPipeline": False}
FAIL_LATER = {"failPipeline": False, "completeOtherBranchesThenFail": True}
IGNORE = {"failPipeline": False, "continuePipeline": True}


def test_stages_run_one_after_the_other():
    play = Play([stage("1"), stage("2", "1"), stage("3", "2")]).run()
    assert play.performed == ["1/work", "2/work", "3/work"]
    assert play.execution is SUCCEEDED


def test_a_join_waits_for_all_branches():
    play = Play([stage("1"), stage("a", "1"), stage("b", "1"), stage("join", "a", "b")], {"b": WAITS}).run()
    assert play.status("a") is SUCCEEDED
    assert play.status("join") is NOT_STARTED
    play.answers["b"] = Succeeded()
    assert play.pass_time(5).status("join") is SUCCEEDED
    assert play.performed.count("join/work") == 1


def test_steps_run_in_order_and_their_context_and_outputs_are_kept():
    answers = {"1/a": Succeeded({"x": 1}, {"out": 2}), "1/!b": Succeeded({"y": 3})}
    play = Play([stage("1", steps=["a", "!b"])], answers).run()
    (only,) = play.snapshot.stages.values()
    assert (only.context["x"], only.context["y"], only.outputs) == (1, 3, {"out": 2})
    assert [step.status for step in play.snapshot.steps.values()] == [StepStatus.DONE, StepStatus.DONE]


def test_a_waiting_step_is_looked_at_again_when_it_is_due_and_not_before():
    play = Play([stage("1")], {"1": [WAITS, WAITS, Succeeded()]}).run()
    assert play.performed == ["1/work"]
    assert (play.decision.due_at - play.now).total_seconds() == 5
    assert play.pass_time(4).performed == ["1/work"]
    assert play.pass_time(1).execution is RUNNING
    assert play.pass_time(5).execution is SUCCEEDED


@pytest.mark.parametrize(
    ("options", "failed", "below", "parallel", "execution"),
    [
        ({}, TERMINAL, NOT_STARTED, CANCELED, TERMINAL),
        (HALT_BRANCH, STOPPED, NOT_STARTED, SUCCEEDED, SUCCEEDED),
        (FAIL_LATER, STOPPED, NOT_STARTED, SUCCEEDED, TERMINAL),
        (IGNORE, FAILED_CONTINUE, SUCCEEDED, SUCCEEDED, SUCCEEDED),
    ],
    ids=["default", "halt branch", "halt branch, fail later", "ignore"],
)
def test_failure_spreads_as_the_stage_says(options, failed, below, parallel, execution):
    play = Play(
        [stage("failing", **options), stage("below", "failing"), stage("parallel")],
        {"parallel": [WAITS, Succeeded()], "failing": [WAITS, FAILS]},
    ).run()
    play.pass_time(5).pass_time(5)
    assert play.status("failing") is failed
    assert play.status("below") is below
    assert play.status("parallel") is parallel
    assert play.execution is execution


def test_a_join_of_a_stopped_and_a_succeeded_branch_never_starts():
    play = Play([stage("a", **HALT_BRANCH), stage("b"), stage("join", "a", "b")], {"a": FAILS}).run()
    assert play.status("join") is NOT_STARTED
    assert play.execution is SUCCEEDED


def test_stopped_in_one_branch_and_terminal_in_another_is_terminal():
    play = Play([stage("a", **HALT_BRANCH), stage("b")], {"a": FAILS, "b": [WAITS, FAILS]}).run().pass_time(5)
    assert play.execution is TERMINAL


def test_a_step_cancelled_by_the_world_cancels_the_execution():
    play = Play([stage("1"), stage("2", "1")], {"1": Failed("aborted", status=CANCELED)}).run()
    assert (play.status("1"), play.status("2"), play.execution) == (CANCELED, NOT_STARTED, CANCELED)


def test_a_step_cancelled_by_the_world_and_ignored_goes_on():
    play = Play([stage("1", **IGNORE), stage("2", "1")], {"1": Failed("aborted", status=CANCELED)}).run()
    assert (play.status("1"), play.status("2"), play.execution) == (FAILED_CONTINUE, SUCCEEDED, SUCCEEDED)


def test_a_user_cancels_running_stages_and_what_is_behind_never_starts():
    play = Play([stage("1"), stage("2", "1"), stage("p")], {"1": WAITS, "p": WAITS}).run().cancel()
    assert [play.status(ref) for ref in ("1", "2", "p")] == [CANCELED, NOT_STARTED, CANCELED]
    assert play.execution is CANCELED
    assert not any(step.status.is_open for step in play.snapshot.steps.values())


def test_an_unfinished_effect_is_found_out_before_a_cancel_ends_it():
    play = Play(
        [stage("1", steps=["!create"])], {"1": [Running("an answer", again_in=1), Succeeded({"made": 1})]}
    ).run()
    play.cancel()
    assert play.execution is RUNNING
    play.pass_time(1)
    assert play.decision.perform is None
    assert play.execution is CANCELED
    (only,) = play.snapshot.stages.values()
    assert only.context["made"] == 1
    assert play.performed == ["1/!create", "1/!create"]


def test_an_effect_that_nobody_answers_for_keeps_a_cancel_waiting_no_longer_than_its_timeout():
    play = Play([stage("1", timeout=8, steps=["!create"])], {"1": Running("an answer", again_in=5)}).run().cancel()
    play.pass_time(5)
    assert play.execution is RUNNING
    assert (play.decision.due_at - play.now).total_seconds() == 3
    play.pass_time(3)
    assert play.performed == ["1/!create"] * 3
    assert (play.execution, play.status("1")) == (CANCELED, CANCELED)
    assert play.message("1") == (
        "!create of 1 timed out after 8 s. Still waiting for an answer. It is not known whether this was done: doing."
    )


def test_an_effect_out_of_time_is_looked_for_once_more_before_a_cancel_gives_it_up():
    answers = {"1": [Running("an answer", again_in=5), Succeeded({"made": 1})]}
    play = Play([stage("1", timeout=8, steps=["!create"])], answers).run()
    play.now += timedelta(seconds=60)  # no worker was there
    play.cancel()
    (only,) = play.snapshot.stages.values()
    assert (play.execution, only.context["made"]) == (CANCELED, 1)


BUILD = {"steps": ["!start", "~monitor"]}


def test_what_a_step_waits_for_in_the_world_is_called_off_before_a_cancel_ends_it():
    play = Play([stage("1", **BUILD)], {"1/~monitor": WAITS, "1/~monitor off": Succeeded(note="Build 7 was stopped.")})
    play.run().cancel()
    assert play.performed == ["1/!start", "1/~monitor", "1/~monitor off"]
    assert (play.execution, play.status("1"), play.message("1")) == (CANCELED, CANCELED, "Build 7 was stopped.")


def test_calling_off_is_tried_a_few_times_and_then_left_with_a_word_about_it():
    play = Play([stage("1", **BUILD)], {"1/~monitor": WAITS, "1/~monitor off": Running("no answer", again_in=1)})
    play.run().cancel()
    for _ in range(3):
        assert play.execution is RUNNING
        play.pass_time(1)
    assert (play.execution, play.message("1")) == (CANCELED, "It could not be called off: no answer.")


def test_a_step_begun_by_an_effect_found_out_during_a_cancel_is_called_off_too():
    play = Play([stage("1", **BUILD)], {"1/!start": [Running("an answer", again_in=1), Succeeded()]}).run()
    play.cancel().pass_time(1)
    assert play.performed == ["1/!start", "1/!start", "1/~monitor off"]
    assert play.execution is CANCELED


def test_what_a_step_waited_for_too_long_is_called_off_and_the_stage_fails():
    play = Play(
        [stage("1", timeout=8, steps=["~monitor"], onFailure=[{"name": "undo"}])],
        {"1/~monitor": WAITS, "1/~monitor off": Succeeded(note="Build 7 was stopped.")},
    )
    play.run().pass_time(8)
    assert play.performed == ["1/~monitor", "1/~monitor off", "undo/work"]
    assert play.execution is TERMINAL
    said = "~monitor of 1 timed out after 8 s. Still waiting for something. Build 7 was stopped."
    assert play.message("1") == said


@pytest.mark.parametrize("parent", [{}, {"before": [{"name": "bad"}, {"name": "build", **BUILD}], "steps": []}])
def test_a_failure_beside_it_calls_off_what_a_step_waits_for(parent):
    stages = [stage("1", **parent)] if parent else [stage("bad"), stage("build", **BUILD)]
    play = Play(stages, {"bad": [WAITS, FAILS], "build/~monitor": WAITS}).run().pass_time(5)
    assert play.performed[-1] == "build/~monitor off"
    assert (play.execution, play.status("build")) == (TERMINAL, CANCELED)


def test_children_before_run_first_and_those_after_last():
    play = Play(
        [stage("1", before=[{"name": "b1"}, {"name": "b2"}], after=[{"name": "a1"}, {"name": "a2", "follows": [0]}])]
    )
    play.run()
    assert play.performed == ["b1/work", "b2/work", "1/work", "a1/work", "a2/work"]
    assert [stage.ref for stage in play.snapshot.stages.values()] == ["1", "1<1", "1<2", "1>1", "1>2"]
    assert play.execution is SUCCEEDED


def test_children_may_have_children():
    play = Play([stage("1", before=[{"name": "b", "before": [{"name": "bb"}], "after": [{"name": "ba"}]}])]).run()
    assert play.performed == ["bb/work", "b/work", "ba/work", "1/work"]


def test_a_failing_child_fails_its_parent_and_stops_its_siblings():
    play = (
        Play([stage("1", before=[{"name": "x"}, {"name": "y"}])], {"x": [WAITS, FAILS], "y": WAITS}).run().pass_time(5)
    )
    assert (play.status("x"), play.status("y"), play.status("1")) == (TERMINAL, CANCELED, TERMINAL)
    assert play.message("1") == "it broke"


def test_a_failing_child_is_softened_by_its_parents_options():
    play = Play([stage("1", before=[{"name": "x"}], **IGNORE), stage("2", "1")], {"x": FAILS}).run()
    assert (play.status("x"), play.status("1"), play.status("2")) == (TERMINAL, FAILED_CONTINUE, SUCCEEDED)


def test_after_a_failure_the_stages_for_it_run_and_the_stage_stays_failed():
    play = Play([stage("1", onFailure=[{"name": "rollback"}])], {"1/work": FAILS}).run()
    assert play.performed == ["1/work", "rollback/work"]
    assert (play.status("1"), play.message("1"), play.execution) == (TERMINAL, "it broke", TERMINAL)


UPGRADE = [{"name": "move"}, {"name": "watch", "type": "companion"}]


def test_a_companion_is_dismissed_when_all_beside_it_have_ended_well():
    play = Play([stage("1", after=UPGRADE), stage("2", "1")], {"move": [WAITS, Succeeded()], "watch": WAITS}).run()
    assert (play.status("watch"), play.status("1")) == (RUNNING, RUNNING)
    play.pass_time(5)
    assert (play.status("watch"), play.status("1"), play.execution) == (SUCCEEDED, SUCCEEDED, SUCCEEDED)
    assert {step.status for step in play.snapshot.steps.values()} == {StepStatus.DONE}


def test_a_companion_that_has_seen_enough_is_not_waited_for_and_one_that_fails_ends_what_is_beside_it():
    play = Play([stage("1", after=UPGRADE)], {"move": [WAITS, Succeeded()]}).run()
    assert (play.status("watch"), play.status("1")) == (SUCCEEDED, RUNNING)
    assert play.pass_time(5).execution is SUCCEEDED
    play = Play([stage("1", after=UPGRADE, onFailure=[{"name": "back"}])], {"move": WAITS, "watch": FAILS}).run()
    assert (play.status("move"), play.status("back"), play.status("1")) == (CANCELED, SUCCEEDED, TERMINAL)


def test_what_follows_a_failed_child_is_not_called_off_by_that_failure():
    back = [{"name": "back", "after": [{"name": "disable", "steps": ["!b"]}], "steps": ["!a"]}]
    play = Play([stage("1", after=[{"name": "move"}], onFailure=back)], {"move": FAILS})
    asked = []
    play.answer = lambda decision, answer=play.answer: asked.append(decision.may_act) or answer(decision)
    play.run()
    assert play.performed == ["1/work", "move/work", "back/!a", "disable/!b"]
    assert all(asked)


def test_a_failing_rollback_is_told_beside_the_failure():
    play = Play(
        [stage("1", onFailure=[{"name": "rollback"}])], {"1/work": FAILS, "rollback": Failed("no way back")}
    ).run()
    assert play.message("1") == "it broke Afterwards rollback failed: no way back"


def test_a_stage_that_cannot_be_read_fails_when_it_is_reached():
    play = Play([stage("1"), stage("2", "1", badConfig=1)]).run()
    assert (play.status("1"), play.status("2")) == (SUCCEEDED, TERMINAL)
    assert play.message("2") == "badConfig: is bad"


def test_an_unknown_type_fails_only_when_it_is_reached():
    play = Play([stage("1"), stage("2", "1", type="teleport")]).run()
    assert play.status("1") is SUCCEEDED
    assert play.message("2") == "There is no stage type 'teleport' here."


def test_a_pipeline_without_stages_fails_and_says_so():
    play = Play([]).run()
    assert (play.execution, play.snapshot.execution.message) == (TERMINAL, "This pipeline has no stages.")


def test_a_step_times_out_and_says_what_it_still_waited_for():
    play = Play([stage("1", timeout=8)], {"1": WAITS}).run().pass_time(5)
    assert (play.decision.due_at - play.now).total_seconds() == 3
    play.pass_time(3)
    assert play.message("1") == "work of 1 timed out after 8 s. Still waiting for something."


def test_a_stages_own_timeout_holds_for_its_children():
    play = Play([stage("1", stageTimeoutMs=2000, before=[{"name": "x"}])], {"x": WAITS}).run().pass_time(2)
    assert play.execution is TERMINAL


def test_a_timeout_may_count_as_success():
    play = Play([stage("1", timeout=8, markSuccessfulOnTimeout=True)], {"1": WAITS}).run().pass_time(5).pass_time(3)
    assert play.execution is SUCCEEDED


def test_a_skipped_step_lets_the_stage_succeed():
    play = Play([stage("1"), stage("2", "1")], {"1": Skipped("enough")}).run()
    assert (play.status("1"), play.execution) == (SUCCEEDED, SUCCEEDED)


def test_an_effect_that_may_have_happened_does_not_freeze_the_other_branches():
    play = Play(
        [stage("effect", steps=["!x"]), stage("other", steps=["a", "b"])],
        {"effect": Running("an answer", again_in=60)},
    ).run()
    assert play.status("other") is SUCCEEDED
    assert play.execution is RUNNING


OUTCOMES = st.sampled_from([Succeeded(), FAILS, Failed("aborted", status=CANCELED), Skipped(), WAITS])
OPTIONS = st.sampled_from([{}, HALT_BRANCH, FAIL_LATER, IGNORE])


@st.composite
def plays(draw):
    count = draw(st.integers(1, 6))
    stages = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else set()
        children = [{"name": f"{number}c{index}"} for index in range(draw(st.integers(0, 2)))]
        where = draw(st.sampled_from(["before", "after", "onFailure"]))
        stages.append(
            stage(str(number), *map(str, needs), **draw(OPTIONS), **{where: children}, steps=["a", "!b", "~c"])
        )
    names = [item["ref"] for item in stages] + [
        child["name"]
        for item in stages
        for key in ("before", "after", "onFailure")
        for child in item["context"].get(key, [])
    ]
    answers = {
        f"{name}/{step}": draw(OUTCOMES)
        for name in names
        for step in ("a", "!b", "~c", "~c off", "work")
        if draw(st.booleans())
    }
    return Play(stages, answers)


@settings(max_examples=150, deadline=None)
@given(plays())
def test_every_execution_comes_to_an_end_with_nothing_open_and_nothing_moved_twice(play):
    play.run()
    for key, given_answer in list(play.answers.items()):
        if given_answer is WAITS:
            play.answers[key] = Succeeded()
    for _ in range(40):
        if play.execution.is_complete:
            break
        play.pass_time(60)
    assert play.execution.is_complete
    assert not any(stage.status is RUNNING for stage in play.snapshot.stages.values())
    assert not any(step.status.is_open for step in play.snapshot.steps.values())
    told = {event.ref: event.status for event in play.events if event.kind == "stage"}
    assert {stage.ref: told.get(stage.ref, NOT_STARTED) for stage in play.snapshot.stages.values()} == {
        stage.ref: stage.status for stage in play.snapshot.stages.values()
    }


@settings(max_examples=60, deadline=None)
@given(plays())
def test_deciding_again_without_news_changes_nothing(play):
    play.run()
    again = play.snapshot
    play.run()
    assert play.snapshot == again
