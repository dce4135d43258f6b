"""The one way to AWS. Each call of the contract gets an `Aws`, which knows its account, region and time left.

A client of boto3 has fixed time-outs and retries nothing, so there is one for each of a few time-outs: what is left of
a call's time decides which is used. Reads that are throttled are tried again while there is time; nothing else is.
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from clusters.core.values import InvalidValue
from clusters.providers import base
from clusters.providers.aws import account as accounts
from clusters.providers.aws import errors

Json = dict[str, Any]

#: (connect, read) in seconds, the most patient first.
TIMEOUTS = ((2.0, 4.0), (1.0, 2.0), (0.3, 0.7))
#: How long reading a whole region may take. One page still has only its own time-out.
READ_SECONDS = 60.0
#: The same for the inventory, to whose region no size is set; no single call is tried for longer than the second.
INVENTORY_SECONDS, CALL_PATIENCE_SECONDS = 300.0, 20.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
#: Credentials of a role are renewed when they last no longer than this.
RENEW_BEFORE = timedelta(minutes=5)

#: Names of the cursor in a request and in an answer, and how the size of a page is asked for.
_PAGING = {
    "ec2": ("NextToken", "NextToken", "MaxResults"),
    "autoscaling": ("NextToken", "NextToken", "MaxRecords"),
    "cloudwatch": ("NextToken", "NextToken", "MaxRecords"),
    "ssm": ("NextToken", "NextToken", "MaxResults"),
    "elb": ("Marker", "NextMarker", "PageSize"),
    "elbv2": ("Marker", "NextMarker", "PageSize"),
}
_PAGE_SIZES = {"autoscaling": 100, "cloudwatch": 100, "elb": 400, "elbv2": 400, "ec2": 1000, "ssm": 50}
_SMALLER_PAGES = {"describe_launch_templates": 200, "describe_launch_template_versions": 200}


class Aws:
    """What one call of the contract does in one account and region. Every method raises ProviderError."""

    def __init__(self, clients: Clients, account: str, region: str, settings: accounts.Account, seconds: float) -> None:
        self.account, self.region, self.config = account, region, settings.config
        self._clients = clients
        #: How commands of SSM ended and what they said, which does not change any more.
        self.ended_commands = clients.ended_commands
        #: Seconds for which one read is tried again and again.
        self.patience = math.inf
        self._ends_at = time.monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        return self._ends_at - time.monotonic()

    def do(self, service: str, operation: str, **arguments: Any) -> Json:
        """Once: whoever repeats a change must look first what became of it."""
        for timeouts in TIMEOUTS:
            if sum(timeouts) <= self.seconds_left or timeouts == TIMEOUTS[-1]:
                break
        if self.seconds_left <= 0:
            raise base.Unavailable(f"AWS: no time was left for {operation}; what was begun is found again")
        try:
            method = getattr(self._clients.get(self, service, timeouts), operation)
            answer: Json = method(**arguments)
        except ClientError as error:
            raise errors.of_answer(error) from error
        except BotoCoreError as error:
            raise errors.of_failure(error) from error
        except ResponseParserError as error:
            raise base.Unavailable(f"AWS gave an answer that cannot be read ({operation})") from error
        return answer

    def read(self, service: str, operation: str, **arguments: Any) -> Json:
        """A read: again when it was throttled or got no answer, with growing pauses, while there is time."""
        pause = FIRST_PAUSE
        until = time.monotonic() + min(self.seconds_left, self.patience)
        while True:
            try:
                return self.do(service, operation, **arguments)
            except (base.Throttled, base.Unavailable):
                if until - time.monotonic() < pause + sum(TIMEOUTS[-1]):
                    raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    def pages(self, service: str, operation: str, result: str, **arguments: Any) -> list[Json]:
        """All of a list, page by page."""
        asked, told, size = _PAGING[service]
        arguments[size] = _SMALLER_PAGES.get(operation, _PAGE_SIZES[service])
        found: list[Json] = []
        while True:
            answer = self.read(service, operation, **arguments)
            found += answer.get(result, [])
            if not answer.get(told):
                return found
            arguments[asked] = answer[told]


def in_filters(name: str, values: Iterable[str]) -> list[Json]:
    """EC2's filter for one of the values."""
    return [{"Name": name, "Values": sorted(values)}]


@dataclass(frozen=True)
class _Session:
    """`ends_at` is when its credentials end; None when boto3 renews them itself."""

    boto: Any
    ends_at: datetime | None = None

    @property
    def is_fresh(self) -> bool:
        return self.ends_at is None or self.ends_at - datetime.now(UTC) > RENEW_BEFORE


class Clients:
    """boto3's clients and sessions, made when first needed and kept. Safe to use from several threads."""

    def __init__(self, lookup: accounts.Lookup, allowed_hosts: Callable[[], Iterable[str]]) -> None:
        self._lookup, self._allowed_hosts = lookup, allowed_hosts
        self._lock = threading.RLock()
        self._sessions: dict[Any, _Session] = {}
        self._clients: dict[Any, Any] = {}
        self._checked: dict[str, float] = {}
        self.ended_commands: dict[tuple[str, str, str], tuple[str, str]] = {}

    def settings(self, account: str) -> accounts.Account:
        try:
            return self._lookup(account)
        except InvalidValue as error:
            raise base.InvalidRequest(str(error), field=error.field) from error

    def at(self, account: str, region: str, *, seconds: float = base.CALL_SECONDS) -> Aws:
        """Raises InvalidRequest when the account does not use the region."""
        settings = self.settings(account)
        if region not in settings.regions:
            raise base.InvalidRequest(f"region {region} is not one of account {account}", field="region")
        return Aws(self, account, region, settings, seconds)

    def for_inventory(self, account: str, region: str) -> Aws:
        """To read all of a region, however large, without waiting long for one that does not answer."""
        aws = self.at(account, region, seconds=INVENTORY_SECONDS)
        aws.patience = CALL_PATIENCE_SECONDS
        return aws

    def get(self, aws: Aws, service: str, timeouts: tuple[float, float]) -> Any:
        """The client for a call. Credentials that are about to end are renewed first, within the call's time."""
        with self._lock:
            self._check_endpoint(aws.config.endpoint)
            session = self._session(aws)
            key = os.getpid(), id(session), aws.region, service, timeouts, aws.config.endpoint
            if key not in self._clients:
                self._clients[key] = _client(session.boto, service, aws.region, aws.config.endpoint, timeouts)
            return self._clients[key]

    def _session(self, aws: Aws) -> _Session:
        config = aws.config
        key = os.getpid(), aws.account, config.profile, config.role_arn, config.external_id, config.endpoint
        session = self._sessions.get(key)
        if session is None or not session.is_fresh:
            if session is not None:
                self._clients = {known: client for known, client in self._clients.items() if known[1] != id(session)}
            session = self._sessions[key] = _assume(aws) if config.role_arn else _Session(_own(config.profile))
        return session

    def _check_endpoint(self, endpoint: str) -> None:
        """Again each minute: whom a name stands for may change."""
        now = time.monotonic()
        if not endpoint or now - self._checked.get(endpoint, -60.0) < 60:
            return
        try:
            accounts.check_endpoint(endpoint, self._allowed_hosts())
        except InvalidValue as error:
            raise base.InvalidRequest(str(error), field=error.field) from error
        self._checked[endpoint] = now


def _boto_session(**arguments: Any) -> Any:
    import boto3  # only here: it takes a quarter of a second, which those without an AWS account need not wait

    return boto3.Session(**arguments)


def _own(profile: str) -> Any:
    return _boto_session(profile_name=profile or None)


def _assume(aws: Aws) -> _Session:
    config = aws.config
    sts = _client(_own(config.profile), "sts", aws.region, config.endpoint, TIMEOUTS[1])
    answer = sts.assume_role(
        RoleArn=config.role_arn, ExternalId=config.external_id, RoleSessionName=config.session_name
    )["Credentials"]
    session = _boto_session(
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
    )
    return _Session(session, answer["Expiration"])


def _client(session: Any, service: str, region: str, endpoint: str, timeouts: tuple[float, float]) -> Any:
    from botocore.config import Config  # as above

    connect, read = timeouts
    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=8,
        user_agent_extra="spinnaker-web",
    )
    return session.client(service, region_name=region, endpoint_url=endpoint or None, config=config)
