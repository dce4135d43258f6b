"""What Spinnaker's form of a script hands to its Jenkins job."""

from __future__ import annotations

from pipelines.core.plan import StageView
from pipelines.stages.parts.script_job import asked, is_job

FIELDS = {"master": "ci", "job": "scripts", "command": "./smoke", "scriptPath": "bin", "cluster": "shop-test"}


def view(**trigger) -> StageView:
    return StageView("x", "shop", "s", "1", "Script", 1, None, FIELDS, {}, trigger)


def test_its_fields_become_the_jobs_parameters():
    found = asked(FIELDS | {"repoUrl": "git@x:y", "waitForCompletion": "false", "propertyFile": "out.json"}, view())
    assert found.parameters == {
        "SCRIPT_PATH": "bin",
        "COMMAND": "./smoke",
        "IMAGE_ID": "",
        "REGION_PARAM": "",
        "ENV_PARAM": "",
        "CLUSTER_PARAM": "shop-test",
        "CMC": "",
        "REPO_URL": "git@x:y",
    }
    assert (found.master, found.job, found.property_file, found.waits) == ("ci", "scripts", "out.json", False)


def test_in_a_strategy_what_is_empty_comes_from_the_deployment():
    given = {"strategy": True, "cluster": "other", "credentials": "prod", "region": "eu-west-1", "imageId": "ami-1"}
    parameters = asked(FIELDS, view(parameters=given)).parameters
    assert (parameters["CLUSTER_PARAM"], parameters["ENV_PARAM"]) == ("shop-test", "prod")
    assert (parameters["REGION_PARAM"], parameters["IMAGE_ID"]) == ("eu-west-1", "ami-1")
    assert asked(FIELDS, view(parameters=given | {"strategy": False})).parameters["ENV_PARAM"] == ""


def test_a_script_is_a_job_only_when_it_names_one():
    assert is_job(FIELDS)
    assert not is_job({"command": "x", "master": "ci"})
