from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pipelines.core import sentences
from pipelines.core.sentences import Judges

NOW = datetime(2026, 11, 25, 14, 8, tzinfo=UTC)


def stage(type_key="deploy", name="Deploy", **context):
    return SimpleNamespace(type_key=type_key, name=name, context=context)


def step(name="waitForUpInstances", status="RUNNING", due_in=None, ends_in=None, waiting_for="", message=""):
    at = [None if minutes is None else NOW + timedelta(minutes=minutes) for minutes in (due_in, ends_in)]
    return SimpleNamespace(
        name=name, status=status, due_at=at[0], deadline=at[1], waiting_for=waiting_for, message=message
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0.4 s"),
        (9.97, "10 s"),
        (44, "44 s"),
        (59.7, "1 min"),
        (791, "13 min 11 s"),
        (14220, "3 h 57 min"),
        (187200, "2 d 4 h"),
        (-3, "0.0 s"),
    ],
)
def test_durations_are_said_in_two_units_at_most(seconds, text):
    assert sentences.took(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 25, 23, 5, tzinfo=UTC), "23:05"),
        (datetime(2026, 11, 27, 9, 0, tzinfo=UTC), "Fri 09:00"),
        (datetime(2026, 1, 2, 9, 0, tzinfo=UTC), "2 Jan 09:00"),
        (datetime(2025, 1, 2, 9, 0, tzinfo=UTC), "2 Jan 2025 09:00"),
    ],
)
def test_an_instant_says_no_more_than_is_needed(at, text):
    assert sentences.clock(at, NOW) == text


def test_a_judgment_says_who_until_when_how_long_and_what_otherwise():
    judges = Judges(people=["Ana", "Ben"], roles=["ops"])
    said = sentences.waiting(stage("manualJudgment"), step(ends_in=22), NOW, judges)
    assert said == (
        "Waiting for Ana or Ben (role ops) to judge, until 14:30 (in 22 min). Without an answer the execution fails."
    )


@pytest.mark.parametrize(
    ("judges", "text"),
    [
        (Judges(), "somebody who may run it"),
        (Judges(roles=["ops"]), "somebody with role ops"),
        (Judges(includes_you=True), "you, or others who may run it"),
        (Judges(people=["Ana", "Ben", "Chidi", "Dan"]), "Ana, Ben or 2 others"),
        (Judges(people=["Ana"]), "Ana"),
    ],
)
def test_judges_are_named_as_far_as_they_are_known(judges, text):
    assert sentences.who(judges) == text


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({}, "the execution fails"),
        ({"failPipeline": "false"}, "this branch stops"),
        ({"failPipeline": False, "continuePipeline": True}, "the execution goes on"),
    ],
)
def test_what_happens_otherwise_follows_the_failure_options(context, text):
    assert sentences.otherwise(context) == text


def test_a_wait_says_when_it_ends():
    assert sentences.waiting(stage("wait"), step(due_in=3), NOW) == "Waiting until 14:11 (in 3 min)."
    assert sentences.waiting(stage("wait"), step(due_in=-1), NOW) == "Waiting until 14:07 (any moment)."


def test_an_observed_step_says_what_it_looks_for_and_its_deadline_not_its_next_look():
    said = sentences.waiting(
        stage(), step(due_in=0.1, ends_in=14, waiting_for="2 more instances of v019 to pass /ready"), NOW
    )
    assert said == (
        "Waiting for 2 more instances of v019 to pass /ready, until 14:22 (in 14 min). Otherwise the execution fails."
    )


def test_a_step_that_says_nothing_is_named():
    assert sentences.waiting(stage(), step(), NOW) == "Waiting for the step “wait for up instances” to end."
    assert sentences.waiting(stage(), step("createServerGroup", "INTENT"), NOW) == "Doing it now: create server group."
    told = step("createServerGroup", "INTENT", message="create shop-v019 with 4 instances")
    assert sentences.waiting(stage(), told, NOW) == "Doing it now: create shop-v019 with 4 instances."


def test_a_failure_says_what_was_seen_where_and_what_is_left_standing():
    assert sentences.failed("GET /cart answered 500.", "Smoke tests", may_deploy=True) == (
        "GET /cart answered 500 in Smoke tests. Nothing was deployed."
    )
    assert sentences.failed("No instance came up", "Deploy", ["v019 in eu-west-1"]) == (
        "No instance came up in Deploy. Left standing: v019 in eu-west-1."
    )
    assert sentences.failed("") == "It failed and left no message."


def test_people_are_quoted():
    assert sentences.cancelled("Chidi", "v031 is unhealthy") == "Cancelled by Chidi: “v031 is unhealthy”."
    assert sentences.judged("Ben", "continue", "red/black", "checked") == "Ben said go on with red/black: “checked”."
    assert sentences.judged("Ben", "stop") == "Ben said stop."
