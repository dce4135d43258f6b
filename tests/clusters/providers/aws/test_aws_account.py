"""Settings of an account, and endpoints that no setting may lead to."""

from __future__ import annotations

import pytest

from clusters.core.values import InvalidValue
from clusters.providers.aws.account import check_endpoint, parse

ROLE = "arn:aws:iam::123456789012:role/spinnaker"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"secret": "x"}, "config.secret"),
        ({"role_arn": "spinnaker", "external_id": "x"}, "config"),
        ({"role_arn": ROLE}, "config"),
        ({"external_id": "x"}, "config"),
        ({"instance_port": 70000}, "config.instance_port"),
        ({"bake": {"base_images": {"": "ami-1"}}}, "config.bake.base_images."),
        ({"load_balancer_scheme": "public"}, "config.load_balancer_scheme"),
    ],
)
def test_settings_that_make_no_sense_are_named(config: dict, field: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse(["eu-west-1"], config)
    assert error.value.field == field


def test_settings_that_make_sense_are_taken() -> None:
    account = parse(["eu-west-1", "us-gov-west-1"], {"role_arn": ROLE, "external_id": "ours"})
    assert account.regions == ("eu-west-1", "us-gov-west-1")
    assert account.config.role_arn == ROLE


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://169.254.169.254",
        "https://[fd00:ec2::254]",
        "https://[::ffff:169.254.169.254]",
        "https://[64:ff9b::a9fe:a9fe]",
        "https://0.0.0.0",
        "https://[::]",
        "https://127.0.0.1",
        "https://2130706433",
        "https://[::1]",
        "https://10.0.0.1",
        "https://192.168.1.1:8443",
        "https://224.0.0.1",
        "http://8.8.8.8",
        "https://user:password@8.8.8.8",
        "https://8.8.8.8/path",
        "https://8.8.8.8?x=1",
        "https://8.8.8.8#fragment",
        "ftp://8.8.8.8",
        "https://",
        "https://[",
        "8.8.8.8",
    ],
)
def test_an_endpoint_is_a_public_address_by_https(endpoint: str) -> None:
    with pytest.raises(InvalidValue) as error:
        check_endpoint(endpoint, [])
    assert error.value.field == "config.endpoint"


def test_a_private_host_is_allowed_by_name_but_never_where_clouds_keep_credentials() -> None:
    check_endpoint("https://8.8.8.8", [])
    check_endpoint("http://127.0.0.1:5000", ["127.0.0.1"])
    check_endpoint("https://10.0.0.1/", ["10.0.0.1"])
    for host in ("169.254.169.254", "0.0.0.0"):
        with pytest.raises(InvalidValue):
            check_endpoint(f"https://{host}", [host])
