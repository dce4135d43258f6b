"""What Spinnaker's evaluator gave, ours gives too; where not, the case says why."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.core.expressions import evaluate
from tests.pipelines.core.expressions.conftest import CASES, CONTEXTS, KINDS, context


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_a_case_gives_the_same_value_of_the_same_kind(case: dict[str, Any]):
    given = context(CONTEXTS[case["context"]])
    found = evaluate(case["text"], given, is_strict=case.get("strict", False))
    assert found.value == case["value"]
    assert type(found.value) is KINDS[case["kind"]]
    assert [message.level for message in found.messages] == ([case["level"]] if "level" in case else [])
    assert all(case["says"] in message.text for message in found.messages)
    assert all(1 <= message.position <= len(case["text"]) for message in found.messages)


def test_most_cases_are_those_of_spinnaker_and_a_deviation_is_always_towards_less():
    own = [case for case in CASES if isinstance(case["id"], str)]
    assert len(CASES) - len(own) == 93
    deviations = [case for case in own if "stricter" in case]
    assert all(len(case["stricter"]) > 20 for case in deviations)
    assert all(case.get("level") == "ERROR" or case["value"] == 2**31 for case in deviations)
