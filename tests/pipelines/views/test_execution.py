import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Execution, Judgment, Stage
from tests.pipelines.views.conftest import moved


def url(name, execution, *args):
    return reverse(f"pipelines:{name}", args=[execution.ulid, *args])


def test_an_execution_needs_signing_in(client, asking):
    assert client.get(url("execution", asking)).headers["Location"].startswith("/login")


@pytest.mark.parametrize(("name", "args"), [("execution", []), ("cancel", []), ("judge", ["2"]), ("restart", ["1"])])
def test_a_stranger_cannot_tell_whether_an_execution_exists(as_user, charlie, asking, name, args):
    assert as_user(charlie).get(url(name, asking, *args)).status_code == 404


def test_nonsense_is_not_found(as_user, alice, asking):
    client = as_user(alice)
    for path in ("/executions/nonsense", "/executions/01J00000000000000000000000", url("judge", asking, "9")):
        assert client.get(path).status_code == 404


def test_the_page_opens_at_my_judgment(as_user, alice, asking):
    html = as_user(alice).get(url("execution", asking)).content.decode()
    assert "Waiting for you or rita to judge, until" not in html  # rita does not exist here
    assert "Waiting for you to judge, until" in html
    assert "Without an answer the execution fails." in html
    assert 'href="https://example.org/board"' in html
    assert "&lt;b&gt;first&lt;/b&gt;" in html
    assert 'id="node-2" href="?stage=2#stage" aria-current="true"' in html
    assert "Choice" in html


def test_a_reader_sees_the_question_without_the_form(as_user, bob, rita, asking):
    html = as_user(bob).get(url("execution", asking)).content.decode()
    assert "Waiting for alice or rita to judge" in html
    assert 'name="judgment"' not in html
    assert "Cancel…" not in html


@pytest.mark.parametrize("tab", ["steps", "context", "events", "nonsense"])
@pytest.mark.parametrize("ref", ["1", "2", "3", "nonsense"])
def test_each_stage_shows_its_steps_context_and_events(as_user, alice, asking, ref, tab):
    response = as_user(alice).get(url("execution", asking), {"stage": ref, "tab": tab})
    assert response.status_code == 200
    html = response.content.decode()
    if (ref, tab) == ("1", "context"):
        assert "&quot;waitTime&quot;: 0" in html
    if (ref, tab) == ("1", "steps"):
        assert ">Done</span>" in html


def test_secrets_in_a_context_are_masked(as_user, alice, asking):
    stage = Stage.objects.get(execution=asking, ref="1")
    stage.context["password"] = "hunter2"
    stage.save(update_fields=["context"])
    html = as_user(alice).get(url("execution", asking), {"stage": "1", "tab": "context"}).content.decode()
    assert "password" in html
    assert "hunter2" not in html


def test_a_complete_execution_is_not_fetched_again(as_user, alice, asking):
    client = as_user(alice)
    assert "data-topic" in client.get(url("execution", asking)).content.decode()
    operations.cancel(actor_of(alice), asking)
    moved(asking)
    assert "data-topic" not in client.get(url("execution", asking)).content.decode()


def test_htmx_gets_the_execution_without_the_frame(as_user, alice, asking):
    headers = {"HX-Request": "true", "HX-Target": f"execution-{asking.ulid}"}
    response = as_user(alice).get(url("execution", asking), headers=headers)
    assert "<html" not in response.content.decode()
    assert "HX-Request" in response.headers["Vary"]


def test_judging_with_a_choice_and_a_reason(as_user, alice, asking):
    client = as_user(alice)
    given = {"judgment": "continue", "input": "slowly", "reason": "looks well"}
    response = client.post(url("judge", asking, "2"), given)
    assert response.headers["Location"] == f"{url('execution', asking)}?stage=2"
    assert Judgment.objects.get().input == "slowly"
    moved(asking)
    html = client.get(url("execution", asking), {"stage": "2"}).content.decode()
    assert "alice said go on with slowly: “looks well”." in html
    assert "Skip the wait" in client.get(url("execution", asking)).content.decode()


@pytest.mark.parametrize("given", [{"judgment": "continue", "input": "sideways"}, {"judgment": "perhaps"}])
def test_a_wrong_answer_is_asked_again_with_what_was_typed(as_user, alice, asking, given):
    response = as_user(alice).post(url("judge", asking, "2"), given | {"reason": "typed at length"})
    assert response.status_code == 422
    assert "typed at length" in response.content.decode()
    assert not Judgment.objects.exists()


def test_the_second_answer_is_told_who_was_first(as_user, alice, rita, asking):
    operations.judge(actor_of(rita), asking, "2", "continue", input="slowly")
    response = as_user(alice).post(url("judge", asking, "2"), {"judgment": "stop"})
    assert response.status_code == 409
    assert "rita has already judged: go on" in response.content.decode()
    assert "rita said go on with slowly." in as_user(alice).get(url("judge", asking, "2")).content.decode()


def test_a_reader_may_not_act(as_user, bob, asking):
    client = as_user(bob)
    for name, args in (("cancel", []), ("judge", ["2"]), ("skip", ["3"]), ("restart", ["1"]), ("again", [])):
        response = client.post(url(name, asking, *args), {"judgment": "continue", "input": "slowly"})
        assert response.status_code == 403, name
    assert client.get(url("cancel", asking)).status_code == 403
    assert Execution.objects.get().cancel_requested_at is None


def test_cancelling_asks_first_and_takes_a_reason(as_user, alice, asking):
    client = as_user(alice)
    assert "Let it run" in client.get(url("cancel", asking)).content.decode()
    asking.refresh_from_db()
    assert asking.cancel_requested_at is None
    client.post(url("cancel", asking), {"reason": "wrong one"})
    asking.refresh_from_db()
    assert (asking.cancelled_by, asking.cancel_reason) == ("alice", "wrong one")


def test_a_wait_is_skipped_by_a_button(as_user, alice, asking):
    operations.judge(actor_of(alice), asking, "2", "continue", input="slowly")
    moved(asking)
    as_user(alice).post(url("skip", asking, "3"))
    assert moved(asking).status == "SUCCEEDED"


def test_a_restart_keeps_the_earlier_attempt_within_reach(as_user, alice, asking):
    client = as_user(alice)
    operations.judge(actor_of(alice), asking, "2", "stop")
    moved(asking)
    html = client.get(url("execution", asking)).content.decode()
    assert "Restart stage…" in html
    assert "Earlier attempts stay in the history" in client.get(url("restart", asking, "2")).content.decode()
    client.post(url("restart", asking, "2"))
    assert moved(asking).status == "RUNNING"
    html = client.get(url("execution", asking), {"stage": "2"}).content.decode()
    assert "Attempt 1, failed" in html
    older = client.get(url("execution", asking), {"stage": "2", "attempt": "1"}).content.decode()
    assert "alice said stop." in older


def test_an_execution_that_needs_an_operator_says_so(as_user, alice, asking):
    Execution.objects.update(attention_reason="5 workers in a row ended while working on it.")
    html = as_user(alice).get(url("execution", asking)).content.decode()
    assert "5 workers in a row" in html
    as_user(alice).post(url("again", asking))
    asking.refresh_from_db()
    assert asking.attention_reason == ""


def test_an_execution_outlives_its_pipeline(as_user, alice, release, asking):
    operations.delete_pipeline(actor_of(alice), release)
    html = as_user(alice).get(url("execution", asking)).content.decode()
    assert "Run again" not in html
    assert "Release" in html


def test_twelve_queries_are_enough(as_user, alice, asking):
    client = as_user(alice)
    client.get(url("execution", asking))
    with CaptureQueriesContext(connection) as queries:
        client.get(url("execution", asking))
    assert len(queries) <= 12, "\n".join(query["sql"][:3000] for query in queries)
