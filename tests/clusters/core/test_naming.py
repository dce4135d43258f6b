"""Names as the rule's own table has them (names.json), then laws."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters.core import naming
from clusters.core.naming import Moniker
from clusters.core.values import InvalidValue

CASES = json.loads((Path(__file__).parent / "names.json").read_text())
START = datetime(2025, 1, 1, tzinfo=UTC)

plain = st.from_regex(r"[a-zA-Z0-9._]{1,12}", fullmatch=True)
details = st.from_regex(r"[-a-zA-Z0-9._~^]{1,16}", fullmatch=True)
clusters = st.builds(lambda *parts: parts, plain, st.none() | plain, st.none() | details)


def taken(*names: str) -> list[tuple[str, datetime]]:
    """Names in the order in which they were created."""
    return [(name, START + timedelta(minutes=n)) for n, name in enumerate(names)]


def checked_or_none(parts: tuple[str, str | None, str | None]) -> Moniker | None:
    try:
        return naming.checked(*parts)
    except InvalidValue:
        return None


monikers = clusters.map(checked_or_none).filter(bool)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["input"] or "empty")
def test_a_name_parses_into_the_parts_of_the_table(case: dict) -> None:
    moniker = naming.parse(case["input"])
    expected = {key: case[key] for key in ("app", "stack", "detail", "cluster", "sequence")}
    assert (moniker.as_json() if moniker else dict.fromkeys(expected)) == expected


@pytest.mark.parametrize("name", ["", "app\n", "app-v001\n", "app stack", "äpp", "app-v٠٠١"])
def test_what_does_not_follow_the_rule_is_none_or_raises(name: str) -> None:
    assert naming.parse(name) is None
    with pytest.raises(InvalidValue):
        naming.parse_or_raise(name)


@pytest.mark.parametrize(
    ("cluster", "labels"),
    [
        (
            "cass-nccpintegration-c0northamerica-d0prod-h0gamesystems-p0vizio-r027-u0nccp-w0A-z0useast1a",
            "countries=northamerica devPhase=prod hardware=gamesystems partners=vizio revision=27 usedBy=nccp "
            "redBlackSwap=A zone=useast1a",
        ),
        ("app-prod-c0usca", "countries=usca"),
        ("app-stack-c0usca-h0ps3", "countries=usca hardware=ps3"),
        ("app--c0usca-w0A", "countries=usca redBlackSwap=A"),
        ("app-c0usca", "countries=usca"),
        ("app-stack-x-c0us-y", ""),
        ("app-stack", ""),
    ],
)
def test_labelled_variables_are_read_from_the_end(cluster: str, labels: str) -> None:
    assert naming.labels(cluster) == dict(pair.split("=") for pair in labels.split())


@pytest.mark.parametrize(
    ("existing", "parts", "expected"),
    [
        ([], ("app", "new"), "app-new-v000"),
        (["app-v000"], ("app",), "app-v001"),
        (["app-test-v009"], ("app", "test"), "app-test-v010"),
        (["app-prod-c0usca-v000"], ("app", "prod", "c0usca"), "app-prod-c0usca-v001"),
        ([f"app-dev-v{n}" for n in ("997", "998", "999", "000")], ("app", "dev"), "app-dev-v001"),
        (["app-stack-details-v999"], ("app", "stack", "details"), "app-stack-details-v000"),
        (["app-v000", "app-v001", "app-v002", "app-v999"], ("app",), "app-v003"),
        (["app-dev-v997", "app-dev"], ("app", "dev"), "app-dev-v001"),
        (["app-v005", "app-v001"], ("app",), "app-v002"),
        (["app-test-v009"], ("app", "test", "blue"), "app-test-blue-v000"),
        (["foo--east-v000"], ("foo", "", "east"), "foo--east-v001"),
    ],
)
def test_the_next_name_follows_the_most_recently_created(existing: list[str], parts: tuple, expected: str) -> None:
    assert naming.next_name(naming.checked(*parts), taken(*existing)) == expected


def test_a_thousand_names_leave_none() -> None:
    everything = taken(*(f"app-dev-v{n:03d}" for n in range(1000)))
    with pytest.raises(InvalidValue, match=r"All server group names for cluster app-dev in eu are taken\."):
        naming.next_name(naming.checked("app", "dev"), everything, "eu")


@pytest.mark.parametrize(("sequence", "is_fine"), [(-1, False), (0, True), (999, True), (1000, False)])
def test_a_sequence_lies_between_0_and_999(sequence: int, is_fine: bool) -> None:
    if is_fine:
        assert Moniker("foo", None, "east", sequence).name == f"foo--east-v{sequence:03d}"
    else:
        with pytest.raises(InvalidValue, match="sequence"):
            assert Moniker("foo", None, "east", sequence).name


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (("",), "application"),
        (("my-app",), "application"),
        (("app\n",), "application"),
        (("a" * 251,), "application"),
        (("a" * 250, "b"), "stack"),
        (("a" * 248, "b", "c"), "freeFormDetails"),
        (("foo", "b-r"), "stack"),
        (("foo", "v001"), "stack"),
        (("foo", "bar", "east!"), "freeFormDetails"),
        (("foo", "bar", "details with spaces"), "freeFormDetails"),
        (("foo", "bar", "a-v0012-b"), "freeFormDetails"),
    ],
)
def test_parts_that_cannot_be_built_name_their_field(parts: tuple, field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        naming.checked(*parts)
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["", "a" * 33, "my.lb", "my_lb", "-lb", "lb-", "lb\n"])
def test_a_load_balancer_name_is_short_and_plain(name: str) -> None:
    naming.check_load_balancer("shop-web")
    with pytest.raises(InvalidValue, match="loadBalancerName"):
        naming.check_load_balancer(name)


@given(monikers, st.none() | st.integers(0, 999))
def test_what_is_built_parses_back(moniker: Moniker, sequence: int | None) -> None:
    built = Moniker(moniker.app, moniker.stack, moniker.detail, sequence)
    assert naming.parse(built.name) == built


@given(
    monikers, st.lists(st.tuples(st.none() | st.integers(0, 999), st.datetimes(timezones=st.just(UTC))), max_size=30)
)
def test_the_next_name_is_never_taken(moniker: Moniker, slots: list[tuple[int | None, datetime]]) -> None:
    existing = [(Moniker(moniker.app, moniker.stack, moniker.detail, n).name, at) for n, at in slots]
    assert naming.next_name(moniker, existing) not in {name for name, _ in existing}


@given(st.text(max_size=40))
def test_parsing_never_fails_and_loses_no_character(name: str) -> None:
    moniker = naming.parse(name)
    assert moniker is None or name.startswith(moniker.cluster)
