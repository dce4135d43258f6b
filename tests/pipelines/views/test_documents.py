import json

import pytest
from django.urls import reverse

from clusters.trust.permissions import actor_of
from pipelines import operations
from pipelines.models import Execution, Pipeline, PipelineRevision
from tests.pipelines.views.conftest import DOCUMENT, begin, save

NEW = "/apps/shop/pipelines/new"


def url(name, pipeline):
    return reverse(f"pipelines:{name}", args=["shop", pipeline.pk])


def text(**changes):
    return json.dumps(DOCUMENT | changes, indent=2)


@pytest.mark.parametrize("name", ["edit", "revisions", "delete", "start"])
def test_pipelines_are_hidden_from_strangers(client, charlie, release, name):
    assert client.get(url(name, release)).headers["Location"].startswith("/login")
    client.force_login(charlie)
    assert client.get(url(name, release)).status_code == 404


@pytest.mark.parametrize("name", ["edit", "delete", "switch", "start"])
def test_a_reader_changes_nothing(as_user, bob, release, name):
    response = as_user(bob).post(url(name, release), {"source": text(name="Mine"), "p0": "1"})
    assert response.status_code == 403
    assert Pipeline.objects.get().name == "Release"
    assert not Execution.objects.exists()


def test_a_reader_compares_revisions_without_restoring(as_user, alice, bob, shop, release):
    operations.save_pipeline(actor_of(alice), shop, text(description="new"), pipeline=release, version=1)
    html = as_user(bob).get(url("revisions", release)).content.decode()
    assert "+  &quot;description&quot;: &quot;new&quot;" in html.replace("+ ", "+ ")
    assert "Restore" not in html
    assert "Restore" in as_user(alice).get(url("revisions", release)).content.decode()


def test_a_pipeline_is_created_from_the_example(as_user, alice, shop):
    client = as_user(alice)
    page = client.get(NEW)
    source = page.context["source"]
    response = client.post(NEW, {"source": source.replace("\n", "\r\n"), "version": ""})
    pipeline = Pipeline.objects.get()
    assert response.headers["Location"] == url("edit", pipeline)
    assert pipeline.source == source
    assert "Saved Release as revision 1." in client.get(url("edit", pipeline)).content.decode()


def test_errors_lead_to_their_line_and_the_text_is_kept(as_user, alice, shop):
    wrong = text(stages=[{"refId": "1", "type": "wait", "waitTime": -5}, {"refId": "1", "type": "wait"}])
    response = as_user(alice).post(NEW, {"source": wrong, "version": ""})
    html = response.content.decode()
    assert response.status_code == 422
    assert "<code>stages[1].refId</code>" in html
    line = 1 + wrong.split("\n").index('      "refId": "1",', wrong.split("\n").index('      "waitTime": -5'))
    assert f'href="#line-{line}"' in html
    assert f'id="line-{line}"' in html
    assert "&quot;waitTime&quot;: -5" in html
    assert not Pipeline.objects.exists()


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"name": 3}', '{"name": "a", "stages": 7}'])
def test_what_is_no_pipeline_is_said_so(as_user, alice, shop, broken):
    response = as_user(alice).post(NEW, {"source": broken, "version": ""})
    assert response.status_code == 422


def test_a_cycle_is_refused_and_not_drawn(as_user, alice, shop):
    stages = [
        {"refId": "1", "type": "wait", "requisiteStageRefIds": ["2"]},
        {"refId": "2", "type": "wait", "requisiteStageRefIds": ["1"]},
    ]
    response = as_user(alice).post(NEW, {"source": text(stages=stages), "version": ""})
    html = response.content.decode()
    assert "1 &gt; 2 &gt; 1" in html
    assert 'id="graph"' not in html


def test_a_stale_save_says_who_saved_and_keeps_my_text(as_user, alice, rita, shop, release):
    operations.save_pipeline(actor_of(alice), shop, text(description="theirs"), pipeline=release, version=1)
    client = as_user(alice)
    response = client.post(url("edit", release), {"source": text(description="mine"), "version": "1"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "alice saved revision 2" in html
    assert "&quot;description&quot;: &quot;mine&quot;" in html
    assert "left=1&amp;right=2" in html
    # The page now carries the newer version, so a second, deliberate save goes through.
    assert 'name="version" value="2"' in html
    client.post(url("edit", release), {"source": text(description="mine"), "version": "2"})
    assert PipelineRevision.objects.count() == 3


def test_an_old_revision_opens_to_be_saved_anew(as_user, alice, shop, release):
    operations.save_pipeline(actor_of(alice), shop, text(description="newer"), pipeline=release, version=1)
    client = as_user(alice)
    page = client.get(url("edit", release), {"revision": "1"}).content.decode()
    assert "newer" not in page
    assert 'name="version" value="2"' in page
    assert client.get(url("edit", release), {"revision": "nonsense"}).status_code == 200


def test_disable_and_enable(as_user, alice, release):
    client = as_user(alice)
    client.post(url("switch", release), {"to": "off"})
    assert Pipeline.objects.get().is_disabled
    html = client.get("/apps/shop/pipelines").content.decode()
    assert "Disabled" in html
    assert url("start", release) not in html
    assert client.post(url("start", release), {"p0": "1", "p1": "test"}).status_code == 409
    client.post(url("switch", release), {"to": "on"})
    assert not Pipeline.objects.get().is_disabled


def test_deleting_asks_first(as_user, alice, release):
    client = as_user(alice)
    assert "Keep it" in client.get(url("delete", release)).content.decode()
    assert Pipeline.objects.exists()
    client.post(url("delete", release))
    assert not Pipeline.objects.exists()


def test_the_start_form_knows_defaults_choices_and_what_is_required(as_user, alice, release):
    html = as_user(alice).get(url("start", release)).content.decode()
    assert "What to release" in html
    assert '<option value="test" selected>test</option>' in html
    assert 'Version <span class="faint">required</span>' in html


def test_what_a_start_would_do_is_shown_and_not_done(as_user, rita, release):
    response = as_user(rita).post(url("start", release), {"p0": "2.0", "p1": "prod", "rehearse": "1"})
    html = response.content.decode()
    assert "What it would do now" in html
    assert "not tried here; taken to succeed" in html
    assert Execution.objects.count() == 0


def test_starting_with_parameters(as_user, rita, release):
    response = as_user(rita).post(url("start", release), {"p0": "2.0", "p1": "prod", "note": "for the show"})
    execution = Execution.objects.get()
    assert response.headers["Location"] == reverse("pipelines:execution", args=[execution.ulid])
    assert execution.trigger["parameters"] == {"version": "2.0", "env": "prod"}
    assert execution.trigger["note"] == "for the show"


def test_what_is_wrong_stands_at_its_field(as_user, alice, release):
    response = as_user(alice).post(url("start", release), {"p0": "", "p1": "moon", "note": "keep me"})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Version is required." in html
    assert 'href="#id_p0"' in html
    assert "keep me" in html
    assert not Execution.objects.exists()


def test_running_again_fills_in_the_same_values(as_user, alice, release):
    earlier = begin(alice, release, version="7.7", env="prod")
    html = as_user(alice).get(url("start", release), {"like": earlier.ulid}).content.decode()
    assert 'value="7.7"' in html
    assert '<option value="prod" selected>' in html
    assert "Not ended yet" in html
    assert as_user(alice).get(url("start", release), {"like": "nonsense"}).status_code == 200


def test_no_get_changes_anything(as_user, alice, release, asking):
    client = as_user(alice)
    before = Execution.objects.values().get(), Pipeline.objects.values().get()
    for name in ("edit", "revisions", "delete", "start"):
        client.get(url(name, release))
    for name, args in (("execution", []), ("cancel", []), ("judge", ["2"]), ("restart", ["1"])):
        client.get(reverse(f"pipelines:{name}", args=[asking.ulid, *args]))
    for name, args in (("skip", ["1"]), ("again", [])):
        assert client.get(reverse(f"pipelines:{name}", args=[asking.ulid, *args])).status_code == 405
    assert client.get(url("switch", release)).status_code == 405
    assert (Execution.objects.values().get(), Pipeline.objects.values().get()) == before


@pytest.mark.parametrize("pk", ["a/b", "50 % off?", "#1", "new", "ünï/../x"])
def test_a_pipeline_may_have_any_id(as_user, alice, shop, pk):
    pipeline = save(alice, shop, id=pk)
    assert pipeline.pk == pk
    client = as_user(alice)
    assert client.get("/apps/shop/pipelines").status_code == 200
    for name in ("edit", "revisions", "start", "delete"):
        assert client.get(url(name, pipeline)).status_code == 200
