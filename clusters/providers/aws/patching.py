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
_ENDED = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


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


def patched(aws: Aws, instance: Json) -> dict[str, str]:
    """Version by package of what was laid over it, once it is done."""
    found = {}
    for key, value in places.tags_of(instance).items():
        version, _, command_id = value.partition(" ")
        if key.startswith(TAG_PREFIX) and _status(aws, command_id) == "Success":
            found[key.removeprefix(TAG_PREFIX)] = version
    return found


def _status(aws: Aws, command_id: str) -> str:
    """SSM forgets after a month: what it no longer knows counts as done, since the instance is still there."""
    key = aws.account, aws.region, command_id
    if key not in aws.ended_commands:
        try:
            commands = aws.read("ssm", "list_commands", CommandId=command_id)["Commands"]
        except (NotFound, InvalidRequest):
            commands = []
        status = str(commands[0]["Status"]) if commands else "Success"
        if status not in _ENDED:
            return status
        aws.ended_commands[key] = status
    return aws.ended_commands[key]
