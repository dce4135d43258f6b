"""The log of a script on its execution's page: while it runs, and only what may be seen."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission

from pipelines.models import Stage, Work
from tests.pipelines.views.conftest import begin, save


def started(alice, shop):
    Group.objects.get(name="owners").permissions.add(Permission.objects.get(codename="run_script"))
    stage = {"refId": "1", "type": "script", "name": "Count", "command": "echo <b>1</b>"}
    execution = begin(alice, save(alice, shop, stages=[stage], parameterConfig=[]))
    return execution, Work.objects.get()


def test_the_log_is_shown_as_text_and_read_again_while_it_runs(as_user, alice, shop):
    execution, work = started(alice, shop)
    Work.objects.update(status="RUNNING", log="\x1b[31m<script>1</script>\n", log_cut=7)
    client, url = as_user(alice), f"/executions/{execution.ulid}"
    page = client.get(url).content.decode()
    assert "echo &lt;b&gt;1&lt;/b&gt;" in page
    asks = {"HX-Request": "true", "HX-Target": f"work-{work.token}"}
    part = client.get(f"{url}?stage=1&attempt=1", headers=asks).content.decode()
    assert part.strip() in page
    assert "&lt;script&gt;1&lt;/script&gt;" in part
    assert "7 characters before this are gone" in part
    assert 'hx-get="?stage=1&amp;attempt=1"' in part
    Work.objects.update(status="SUCCEEDED")
    assert "hx-get" not in client.get(f"{url}?stage=1&attempt=1", headers=asks).content.decode()


def test_a_stranger_does_not_see_it_and_the_context_names_no_other_work(as_user, alice, shop, charlie):
    execution, work = started(alice, shop)
    asks = {"HX-Request": "true", "HX-Target": f"work-{work.token}"}
    assert as_user(charlie).get(f"/executions/{execution.ulid}?stage=1", headers=asks).status_code == 404
    other, _ = started_again(alice, execution)
    Work.objects.update(log="not yours")
    assert "not yours" not in as_user(alice).get(f"/executions/{other.ulid}").content.decode()


def started_again(alice, execution):
    """Another execution whose context claims the work of the first."""
    other = begin(alice, execution.pipeline)
    stolen = Work.objects.get(stage__execution=execution)
    Work.objects.filter(stage__execution=other).delete()
    stage = Stage.objects.get(execution=other)
    stage.context["workToken"] = stolen.token
    Stage.objects.bulk_update([stage], ["context"])
    return other, stolen
