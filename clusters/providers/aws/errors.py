"""What AWS says, in the contract's words: the kind of error, whether it helps to try again, the field it is about.

The message keeps AWS's own words and code, since that is what people search for.
"""

from __future__ import annotations

import re

from botocore import exceptions

from clusters.providers import base

_THROTTLED = re.compile(r"Throttl|RequestLimitExceeded|TooManyRequests|SlowDown|ResourceContention")
_UNAVAILABLE = re.compile(r"^(Internal|Server\.|ServiceUnavailable|Unavailable|RequestTimeout|RequestExpired)")
_NOT_FOUND = re.compile(r"NotFound|Unknown|AMIID\.(Malformed|Unavailable)|InstanceID\.Malformed|NoSuch")
_TAKEN = re.compile(r"AlreadyExists|Duplicate")
_CONFLICT = re.compile(
    r"InUse|DependencyViolation|ScalingActivityInProgress|IncorrectInstanceState|IncorrectState"
    r"|OperationNotPermitted|LimitExceeded|TooMany|InsufficientInstanceCapacity"
)
#: Auto Scaling calls nearly everything a ValidationError and tells what it means in words.
_GONE_IN_WORDS = re.compile(r"name not found|not found -|No managed instance found", re.IGNORECASE)
_GOING_IN_WORDS = re.compile(r"pending delete|delete in progress", re.IGNORECASE)
#: A launch template made a moment ago may not be known everywhere.
_LATE_IN_WORDS = re.compile(r"launch template .*(does not exist|not found)", re.IGNORECASE)

#: Which field of a pipeline an error is about, by its code and words; the first that fits.
_FIELDS = [
    (r"AMI|image id|ImageId", "imageId"),
    (r"instance ?type|InstanceType", "instanceType"),
    (r"KeyPair|key pair|KeyName", "keyPair"),
    (r"IamInstanceProfile|instance profile", "iamRole"),
    (r"Subnet|subnet", "subnetIds"),
    (r"InvalidGroup|InvalidSecurityGroup|security group", "securityGroups"),
    (r"TargetGroup|target group|LoadBalancer|load balancer|AccessPoint", "loadBalancers"),
    (r"[Aa]vailability ?[Zz]one", "availabilityZones"),
    (r"BlockDevice|block device", "blockDevices"),
    (r"spot|Spot", "spotPrice"),
    (r"UserData|user data", "base64UserData"),
]


def of_answer(error: exceptions.ClientError) -> base.ProviderError:
    """Of an answer that is an error."""
    said = error.response.get("Error", {})
    code, words = str(said.get("Code", "")), str(said.get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind = _kind(code, words, status)
    field = _field(f"{code} {words}") if kind in (base.InvalidRequest, base.NotFound, base.Conflict) else ""
    return kind(f"AWS: {words.strip().rstrip('.') or 'no reason given'} ({code})", field=field)


def _kind(code: str, words: str, status: int) -> type[base.ProviderError]:
    if _THROTTLED.search(code):
        return base.Throttled
    if status >= 500 or _UNAVAILABLE.search(code) or _LATE_IN_WORDS.search(words):
        return base.Unavailable
    if _GOING_IN_WORDS.search(words):
        return base.Conflict
    if code == "ValidationError" and _GONE_IN_WORDS.search(words):
        return base.NotFound
    for pattern, kind in ((_NOT_FOUND, base.NotFound), (_TAKEN, base.NameTaken), (_CONFLICT, base.Conflict)):
        if pattern.search(code):
            return kind
    return base.InvalidRequest


def _field(text: str) -> str:
    return next((field for pattern, field in _FIELDS if re.search(pattern, text)), "")


def of_failure(error: exceptions.BotoCoreError) -> base.ProviderError:
    """Of a call that got no answer, or was not even made."""
    match error:
        case exceptions.ParamValidationError():
            words = str(error.kwargs.get("report", error))
            return base.InvalidRequest(f"AWS would not accept this: {words}", field=_field(words))
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError() | exceptions.ProfileNotFound():
            return base.InvalidRequest(f"no credentials for AWS: {error}", field="account")
        case exceptions.HTTPClientError() | exceptions.IncompleteReadError():
            return base.Unavailable(f"AWS does not answer: {error}")
        case _:
            return base.Unavailable(f"the call to AWS failed: {error}")
