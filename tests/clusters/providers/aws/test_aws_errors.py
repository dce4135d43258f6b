"""AWS's errors in the contract's words."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from clusters.providers.aws.errors import of_answer
from clusters.providers.base import Conflict, InvalidRequest, NameTaken, NotFound, Throttled, Unavailable


@pytest.mark.parametrize(
    ("code", "words", "status", "kind", "field"),
    [
        ("Throttling", "Rate exceeded", 400, Throttled, ""),
        ("RequestLimitExceeded", "Request limit exceeded.", 503, Throttled, ""),
        ("ResourceContention", "You already have a pending update", 500, Throttled, ""),
        ("InternalFailure", "", 500, Unavailable, ""),
        ("ServiceUnavailable", "", 503, Unavailable, ""),
        ("ValidationError", "AutoScalingGroup name not found - null", 400, NotFound, ""),
        ("ValidationError", "The launch template lt-1 does not exist", 400, Unavailable, ""),
        ("ValidationError", "group is pending delete, and cannot be modified", 400, Conflict, ""),
        ("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist", 400, NotFound, "imageId"),
        ("InvalidAMIID.Malformed", "Invalid id: img-1", 400, NotFound, "imageId"),
        ("AlreadyExists", "AutoScalingGroup by this name already exists", 400, NameTaken, ""),
        ("InvalidGroup.Duplicate", "", 400, NameTaken, ""),
        ("ResourceInUse", "in use", 400, Conflict, ""),
        ("DependencyViolation", "resource sg-1 has a dependent object", 400, Conflict, ""),
        ("VcpuLimitExceeded", "You have requested more vCPU capacity", 400, Conflict, ""),
        ("InvalidKeyPair.NotFound", "The key pair 'x' does not exist", 400, NotFound, "keyPair"),
        ("ValidationError", "Invalid IamInstanceProfile: x", 400, InvalidRequest, "iamRole"),
        ("InvalidParameterValue", "Invalid value 'x9.huge' for InstanceType.", 400, InvalidRequest, "instanceType"),
        ("AccessDenied", "User: x is not authorized to perform: ec2:RunInstances", 403, InvalidRequest, ""),
    ],
)
def test_an_error_is_of_its_kind_and_keeps_what_was_said(
    code: str, words: str, status: int, kind: type[Exception], field: str
) -> None:
    answer = {"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = of_answer(ClientError(answer, "CreateAutoScalingGroup"))
    assert type(error) is kind
    assert error.field == field
    assert code in error.message
    assert words.rstrip(".") in error.message
