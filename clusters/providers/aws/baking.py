"""An image by way of an instance: it installs a package, says how that went on its console, and stops.

Nothing is kept here: a bake is a builder instance and then an image that carry the bake's id for a tag, so that each
look goes on from what is there. Equal requests have one key, by which an image made before, or being made, is found.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from clusters.core.values import Bake, BakeRequest, BakeState
from clusters.providers.aws import instances, places
from clusters.providers.aws.client import Aws, Json, in_filters
from clusters.providers.aws.image_tags import (
    BAKE_TAG,
    BASE_TAG,
    IMAGE_NAME_TAG,
    KEY_TAG,
    PACKAGE_TAG,
    VERSION_TAG,
    image_value,
)
from clusters.providers.aws.reading import aware
from clusters.providers.base import InvalidRequest, NameTaken, NotFound

#: What the builder prints last. Only this makes an image: a builder that stops in silence has failed.
DONE, FAILED = "SPINNAKER-BAKE: DONE", "SPINNAKER-BAKE: FAILED"
#: A console is complete some minutes after its instance has stopped.
CONSOLE_AFTER = timedelta(minutes=10)
#: A builder that takes longer is ended.
LONGEST = timedelta(hours=1)
_ALIVE = ["pending", "running", "stopping", "stopped", "shutting-down"]

_SCRIPT = """#!/bin/bash
# Makes an image of {name}: what is printed goes to the console, which is read from outside.
exec > >(tee /dev/console) 2>&1
export PACKAGE={package} VERSION={version}
install() (
set -e
{install}
)
if install; then echo "{done} {bake}"; else echo "{failed} {bake}"; fi
sync
shutdown -h now
"""


def start(aws: Aws, request: BakeRequest, token: str) -> Bake:
    """Found by the token, else by equal contents unless it is a rebake, else begun now. Raises InvalidRequest."""
    bake_id = f"bake-{hashlib.sha256(f'{aws.account} {token}'.encode()).hexdigest()[:20]}"
    base_id = _base_image(aws, request)
    key = _key(request, base_id)
    for tag, value in [(BAKE_TAG, bake_id)] + ([] if request.rebake else [(KEY_TAG, key)]):
        if found := _existing(aws, tag, value, bake_id):
            return found
    _run(aws, request, bake_id, base_id, key)
    return Bake(bake_id, BakeState.PENDING)


def go_on(aws: Aws, bake_id: str) -> Bake:
    """How it stands, having done what is next. Raises NotFound."""
    image, builder = _image(aws, BAKE_TAG, bake_id), _builder(aws, BAKE_TAG, bake_id)
    if image is None and builder is None:
        raise NotFound(f"bake {bake_id} does not exist in {aws.region}")
    if image is not None:
        return _of_image(aws, bake_id, image, builder)
    assert builder is not None
    return _of_builder(aws, bake_id, builder)


def _existing(aws: Aws, tag: str, value: str, bake_id: str) -> Bake | None:
    """A bake that was begun before, by its id or by its contents; one that failed counts only by its id."""
    image = _image(aws, tag, value)
    if image is not None and image.get("State") != "failed":
        its_id = places.tags_of(image).get(BAKE_TAG, bake_id)
        is_done = image.get("State") == "available"
        return Bake(
            its_id,
            BakeState.COMPLETED if is_done else BakeState.RUNNING,
            image_value(aws, image) if is_done else None,
            previously_baked=is_done and its_id != bake_id,
        )
    builder = _builder(aws, tag, value)
    if builder is None or (tag == KEY_TAG and builder["State"]["Name"] not in ("pending", "running")):
        return None
    return Bake(places.tags_of(builder)[BAKE_TAG], BakeState.RUNNING)


def _base_image(aws: Aws, request: BakeRequest) -> str:
    named = request.extra.get("baseAmi", "")
    if named or request.base.startswith("ami-"):
        return named or request.base
    known = aws.config.bake.base_images.get(request.base, {})
    if aws.region not in known:
        words = f"account {aws.account} has no base image {request.base or '(default)'} in {aws.region}"
        raise InvalidRequest(f"{words}: name one as config.bake.base_images", field="baseOs")
    return known[aws.region]


def _key(request: BakeRequest, base_id: str) -> str:
    told = [request.package, request.version, base_id, request.base, request.name, sorted(request.extra.items())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:40]


def _image(aws: Aws, tag: str, value: str) -> Json | None:
    found = aws.pages("ec2", "describe_images", "Images", Owners=["self"], Filters=in_filters(f"tag:{tag}", [value]))
    return max(found, key=lambda image: image.get("CreationDate", ""), default=None)


def _builder(aws: Aws, tag: str, value: str) -> Json | None:
    filters = in_filters(f"tag:{tag}", [value]) + in_filters("instance-state-name", _ALIVE)
    found = aws.pages("ec2", "describe_instances", "Reservations", Filters=filters)
    return next((instance for reservation in found for instance in reservation["Instances"]), None)


def _run(aws: Aws, request: BakeRequest, bake_id: str, base_id: str, key: str) -> None:
    config = aws.config.bake
    name = _image_name(request, bake_id)
    facts = {
        "Name": f"bake of {request.package} {request.version}"[:255],
        BAKE_TAG: bake_id,
        KEY_TAG: key,
        IMAGE_NAME_TAG: name,
        PACKAGE_TAG: request.package,
        VERSION_TAG: request.version,
        BASE_TAG: request.base,
        "base_ami_version": base_id,
    }
    where = places.network(aws, ids=[config.subnet_id] if config.subnet_id else [], target="ec2")
    groups = places.security_group_ids(aws, config.security_groups, where.vpc_id)
    aws.do(
        "ec2",
        "run_instances",
        ImageId=base_id,
        MinCount=1,
        MaxCount=1,
        ClientToken=bake_id,
        InstanceType=config.instance_type,
        InstanceInitiatedShutdownBehavior="stop",
        MetadataOptions={"HttpTokens": "required"},
        SubnetId=where.subnet_ids[0],
        UserData=_script(aws, request, bake_id, name),
        TagSpecifications=[{"ResourceType": "instance", "Tags": _as_tags(facts)}],
        **({"SecurityGroupIds": groups} if groups else {}),
        **({"IamInstanceProfile": {"Name": config.iam_role}} if config.iam_role else {}),
    )


def _as_tags(facts: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in facts.items()]


def _image_name(request: BakeRequest, bake_id: str) -> str:
    parts = (request.name or request.package, request.version, bake_id[-12:], request.base or "aws")
    return re.sub(r"[^a-zA-Z0-9()\[\] ./'@_-]", "_", "-".join(parts))[:128]


def _script(aws: Aws, request: BakeRequest, bake_id: str, name: str) -> str:
    """What the builder runs as root; boto3 encodes it."""
    return _SCRIPT.format(
        name=name,
        package=shlex.quote(request.package),
        version=shlex.quote(request.version),
        install=aws.config.bake.install,
        bake=bake_id,
        done=DONE,
        failed=FAILED,
    )


def _of_image(aws: Aws, bake_id: str, image: Json, builder: Json | None) -> Bake:
    match image.get("State"):
        case "available":
            if builder is not None:
                _end(aws, builder)
            return Bake(bake_id, BakeState.COMPLETED, image_value(aws, image))
        case "pending":
            return Bake(bake_id, BakeState.RUNNING)
        case state:
            reason = image.get("StateReason", {}).get("Message", "no reason given")
            return Bake(bake_id, BakeState.FAILED, message=f"AWS could not make the image ({state}): {reason}")


def _of_builder(aws: Aws, bake_id: str, builder: Json) -> Bake:
    state = builder["State"]["Name"]
    age = datetime.now(UTC) - aware(builder["LaunchTime"])
    if state != "stopped":
        if age > LONGEST:
            _end(aws, builder)
            return Bake(bake_id, BakeState.FAILED, message=f"The builder did not stop within {LONGEST}.")
        return Bake(bake_id, BakeState.PENDING if state == "pending" else BakeState.RUNNING)
    printed = instances.console(aws, builder["InstanceId"])
    if f"{DONE} {bake_id}" in printed:
        _make_image(aws, bake_id, builder)
        return Bake(bake_id, BakeState.RUNNING)
    if f"{FAILED} {bake_id}" in printed or _stopped_for(builder) > CONSOLE_AFTER:
        return Bake(bake_id, BakeState.FAILED, message=_why(builder, printed))
    return Bake(bake_id, BakeState.RUNNING)


def _stopped_for(builder: Json) -> timedelta:
    """By "User initiated (2026-01-31 12:00:00 GMT)", which is all that EC2 tells of it."""
    told = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", builder.get("StateTransitionReason", ""))
    if told is None:
        return timedelta(0)
    return datetime.now(UTC) - datetime.fromisoformat(told[1]).replace(tzinfo=UTC)


def _why(builder: Json, printed: str) -> str:
    """The last lines before the builder's own."""
    lines = [line for line in printed.splitlines() if line.strip() and FAILED not in line][-3:]
    said = " / ".join(line.strip() for line in lines) or "it printed nothing"
    return f"The package could not be installed on {builder['InstanceId']}: {said}"


def _make_image(aws: Aws, bake_id: str, builder: Json) -> None:
    """Its name holds the bake's id and is unique, so that a second attempt is refused."""
    tags = places.tags_of(builder)
    facts = {key: tags[key] for key in (BAKE_TAG, KEY_TAG, PACKAGE_TAG, VERSION_TAG, BASE_TAG, "base_ami_version")}
    facts["appversion"] = f"{tags[PACKAGE_TAG]}-{tags[VERSION_TAG]}"
    with suppress(NameTaken):
        aws.do(
            "ec2",
            "create_image",
            InstanceId=builder["InstanceId"],
            Name=tags[IMAGE_NAME_TAG],
            Description=f"{facts['appversion']} on {facts['base_ami_version']}",
            TagSpecifications=[{"ResourceType": kind, "Tags": _as_tags(facts)} for kind in ("image", "snapshot")],
        )


def _end(aws: Aws, builder: Json) -> None:
    with suppress(NotFound):
        aws.do("ec2", "terminate_instances", InstanceIds=[builder["InstanceId"]])
