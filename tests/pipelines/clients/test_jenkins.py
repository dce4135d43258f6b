"""The client against a controller that stands in, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.clients.addresses import Allowed
from pipelines.clients.http import Guard
from pipelines.clients.jenkins import Jenkins, JenkinsError, NotFound
from tests.jenkins import TOKEN, USER, Controller, controller

GUARD = Guard(Allowed.read(["127.0.0.1"]))


@pytest.fixture
def ci() -> Iterator[Controller]:
    with controller() as ci:
        ci.job("shop", version=())
        yield ci


@pytest.fixture
def client(ci: Controller) -> Jenkins:
    return Jenkins(ci.url, USER, TOKEN, guard=GUARD)


def test_a_build_from_the_question_to_its_end(ci: Controller, client: Jenkins):
    item = client.start("shop", {"version": "1.2"}, is_parameterised=True)
    assert (client.item(item).number, client.item(item).why) == (None, "Waiting for next available executor")
    ci.begin("shop")
    assert client.item(item).number == 1
    assert client.build("shop", 1)["building"] is True
    ci.end("shop", shop_deb=b"package")
    build = client.build("shop", 1)
    assert (build["result"], build["building"], build["queueId"]) == ("SUCCESS", False, item)
    assert build["artifacts"] == [{"fileName": "shop.deb", "displayPath": "shop.deb", "relativePath": "out/shop.deb"}]
    scm = {"name": "origin/main", "branch": "main", "sha1": "7d41f0c2", "remoteUrl": "git@example.org:shop.git"}
    assert build["scm"] == [scm]
    assert client.artifact("shop", 1, "out/shop.deb", 100) == b"package"


def test_what_was_asked_of_a_job_is_told_in_order_queued_or_built(ci: Controller, client: Jenkins):
    ci.job("other/job/shop", version=())
    first = client.start("shop", {"version": "1"}, is_parameterised=True)
    client.start("other/job/shop", {"version": "1"}, is_parameterised=True)
    ci.begin("shop")
    second = client.start("shop", {"version": "2"}, is_parameterised=True)
    runs = client.runs("shop")
    assert [(run.id, run.number, run.parameters) for run in runs] == [
        (first, 1, {"version": "1"}),
        (second, None, {"version": "2"}),
    ]
    assert runs[0].users == {USER}


@pytest.mark.parametrize("name", ["folder/job/sub/job/shop", "folder/sub/shop"])
def test_a_job_in_folders_is_found_by_either_name(ci: Controller, client: Jenkins, name: str):
    ci.job("folder/job/sub/job/shop")
    assert client.job(name).is_buildable
    client.start(name, {}, is_parameterised=False)
    assert ci.count("folder/job/sub/job/shop") == 1


def test_all_jobs_are_listed_by_their_full_names(ci: Controller, client: Jenkins):
    ci.job("folder/job/sub/job/deep")
    ci.job("folder/job/flat")
    assert sorted(client.jobs()) == ["folder/job/flat", "folder/job/sub/job/deep", "shop"]


@pytest.mark.parametrize("name", ["", "..", "a/job/..", "../../admin", "."])
def test_no_name_of_a_job_leads_out_of_the_jobs(client: Jenkins, ci: Controller, name: str):
    with pytest.raises(NotFound):
        client.job(name)
    assert ci.asked == []


def test_a_job_tells_its_parameters_and_choices(ci: Controller, client: Jenkins):
    ci.job("deploy", where=("test", "prod"), version=())
    assert client.job("deploy").parameters == {"where": ("test", "prod"), "version": ()}


def test_a_crumb_is_fetched_with_its_session_when_it_is_asked_for(ci: Controller, client: Jenkins):
    ci.wants_crumb = True
    client.start("shop", {"version": "1"}, is_parameterised=True)
    assert ci.count("shop") == 1
    ci.forget_session()
    client.start("shop", {"version": "2"}, is_parameterised=True)
    assert ci.count("shop") == 2


def test_the_console_comes_in_pieces_of_whole_characters(ci: Controller, client: Jenkins):
    client.start("shop", {"version": "1"}, is_parameterised=True)
    build = ci.begin("shop")
    build.console = "Grüße\n".encode() * 3
    text, start = "", 0
    while True:
        piece = client.console("shop", 1, start, 4)
        text, start = text + piece.text, piece.end
        if start >= piece.size:
            break
    assert text == "Grüße\n" * 3
    assert piece.has_more
    ci.end("shop")
    assert client.console("shop", 1, start, 4).has_more is False
    beyond = client.console("shop", 1, 999, 4)
    assert (beyond.text, beyond.end) == ("", len(build.console))


@pytest.mark.parametrize(
    ("how", "may_have_started", "count"),
    [
        ("500", True, 0),
        ("500 after", True, 1),
        ("503", False, 0),
        ("drop", True, 0),
        ("drop after", True, 1),
        ("slow", True, 0),
        ("html", True, 0),
    ],
)
def test_a_start_without_a_proper_answer_says_whether_it_may_be_there(
    ci: Controller, client: Jenkins, how: str, may_have_started: bool, count: int
):
    ci.misbehave("POST", "buildWithParameters", how)
    with pytest.raises(JenkinsError) as caught:
        client.start("shop", {"version": "1"}, is_parameterised=True)
    assert (caught.value.is_retryable, caught.value.may_have_started) == (True, may_have_started)
    assert (ci.count("shop"), ci.posts("build")) == (count, 1)


@pytest.mark.parametrize("how", ["500", "502", "drop", "nonsense", "html"])
def test_what_cannot_be_read_may_be_readable_later(ci: Controller, client: Jenkins, how: str):
    ci.misbehave("GET", "/job/shop/api", how)
    with pytest.raises(JenkinsError) as caught:
        client.job("shop")
    assert caught.value.is_retryable
    assert client.job("shop").is_buildable


def test_a_controller_that_is_away_was_surely_not_reached(ci: Controller, client: Jenkins):
    ci.stop()
    with pytest.raises(JenkinsError, match="cannot be reached") as caught:
        client.start("shop", {"version": "1"}, is_parameterised=True)
    assert (caught.value.is_retryable, caught.value.may_have_started) == (True, False)


def test_a_wrong_token_is_told_without_it(ci: Controller):
    with pytest.raises(JenkinsError, match="user ana") as caught:
        Jenkins(ci.url, "ana", "hunter2", guard=GUARD).whoami()
    assert "hunter2" not in caught.value.message
    assert not caught.value.is_retryable


def test_a_connection_is_tried_with_version_and_user(client: Jenkins):
    assert client.whoami() == f"Jenkins 2.479.1 as {USER}"


def test_what_has_left_the_queue_or_ended_may_be_called_off_again(ci: Controller, client: Jenkins):
    item = client.start("shop", {"version": "1"}, is_parameterised=True)
    ci.begin("shop")
    client.cancel(item)
    client.stop("shop", 1)
    client.stop("shop", 1)
    assert ci.jobs["shop"].builds[0].result == "ABORTED"
    ci.forget_queue()
    client.cancel(item)
