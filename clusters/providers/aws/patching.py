"""A package laid over a running instance by SSM RunCommand. A tag on the instance says which command to ask about.

SSM takes no token: the command's comment holds it, by which a command that was sent before is found.
"""

from __future__ import annotations

import hashlib
import shlex

from clusters.providers.aws import places
from clusters.providers.aws.client import Aws, Json
from clusters.providers.base import InvalidRequest, NotFound

#: And the package's name; its value is the version and the id of the command.
TAG_PREFIX = "spinnaker-patch:"
#: A command is given up by SSM after so many seconds.
LONGEST = 600

_SCRIPT = """export PACKAGE={package} VERSION={version}
set -e
{install}
{restart}
"""
DONE = "Success"
_ENDED = frozenset({DONE, "Failed", "TimedOut", "Cancelled"})
#: As much of what a failed command printed last as is told.
MOST_SAID = 200


def start(aws: Aws, instance_id: str, package: str, version: str, token: str) -> None:
    """Raises InvalidRequest when SSM does not manage the instance."""
    comment = f"spinnaker {hashlib.sha256(token.encode()).hexdigest()}"
    sent = aws.pages("ssm", "list_commands", "Commands", InstanceId=instance_id)
    ids = [command["CommandId"] for command in sent if command.get("Comment") == comment]
    command_id = ids[0] if ids else _send(aws, instance_id, package, version, comment)
    tag = {"Key": f"{TAG_PREFIX}{package}", "Value": f"{version} {command_id}"}
    aws.do("ec2", "create_tags", Resources=[instance_id], Tags=[tag])


def _send(aws: Aws, instance_id: str, package: str, version: str, comment: str) -> str:
    config = aws.config
    script = _SCRIPT.format(
        package=shlex.quote(package), version=shlex.quote(version), install=config.bake.install, restart=config.restart
    )
    sent = aws.do(
        "ssm",
        "send_command",
        DocumentName="AWS-RunShellScript",
        InstanceIds=[instance_id],
        Comment=comment,
        TimeoutSeconds=LONGEST,
        Parameters={"commands": script.splitlines()},
    )
    return str(sent["Command"]["CommandId"])


def patches(aws: Aws, instance: Json) -> tuple[dict[str, str], dict[str, str]]:
    """By package: the version of what was laid over it and is done, and what was said of what failed."""
    done, failed = {}, {}
    for key, value in places.tags_of(instance).items():
        if key.startswith(TAG_PREFIX):
            package, (version, _, command_id) = key.removeprefix(TAG_PREFIX), value.partition(" ")
            status, said = _end(aws, command_id, instance["InstanceId"])
            if status == DONE:
                done[package] = version
            elif status:
                failed[package] = f"{package} {version}: RunCommand {command_id} ended {status}{said}"
    return done, failed


def _end(aws: Aws, command_id: str, instance_id: str) -> tuple[str, str]:
    """("", "") while it runs. SSM forgets after a month: what it no longer knows counts as done, since the instance is
    still there.
    """
    key = aws.account, aws.region, command_id
    if key not in aws.ended_commands:
        try:
            commands = aws.read("ssm", "list_commands", CommandId=command_id)["Commands"]
        except (NotFound, InvalidRequest):
            commands = []
        status = str(commands[0]["Status"]) if commands else DONE
        if status not in _ENDED:
            return "", ""
        aws.ended_commands[key] = status, "" if status == DONE else _said(aws, command_id, instance_id)
    return aws.ended_commands[key]


def _said(aws: Aws, command_id: str, instance_id: str) -> str:
    """The last line on its standard error, after a colon; "" when there is none."""
    try:
        told = aws.read("ssm", "get_command_invocation", CommandId=command_id, InstanceId=instance_id)
    except (NotFound, InvalidRequest):
        return ""
    lines = str(told.get("StandardErrorContent") or "").strip().splitlines()
    return f": {lines[-1][:MOST_SAID]}" if lines else ""
