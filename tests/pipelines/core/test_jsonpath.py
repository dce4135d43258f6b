"""The part of JSONPath that is understood, and that the rest is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.jsonpath import find, first, parse

DOCUMENT = {"a": {"b": [10, 20, {"c d": "x"}]}, "q'": 1, "list": [[1], [2, 3]]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", [DOCUMENT]),
        ("$.a.b[0]", [10]),
        ("$.a.b[-1]['c d']", ["x"]),
        ('$["a"].b[1]', [20]),
        ("$['q\\'']", [1]),
        ("$.a.b[*]", [10, 20, {"c d": "x"}]),
        ("$.list[*][0]", [1, 2]),
        ("$.a.*", [[10, 20, {"c d": "x"}]]),
        ("$.missing.b", []),
        ("$.a[0]", []),
        ("$.a.b[99]", []),
        ("$.a.b.c", []),
    ],
)
def test_values_are_found_in_order(path: str, found: list):
    assert find(path, DOCUMENT) == found
    assert first(path, DOCUMENT) == (found[0] if found else None)


@pytest.mark.parametrize("path", ["", "a", "$a", "$..a", "$.", "$[", "$[?(@.a)]", "$[0:2]", "$.a b", "$" + ".a" * 400])
def test_what_is_not_understood_is_refused(path: str):
    with pytest.raises(ValueError):
        parse(path)


@given(st.text(alphabet="$.[]*'\"\\ab01- ", max_size=60))
def test_no_text_breaks_it(path: str):
    with contextlib.suppress(ValueError):
        assert isinstance(find("$" + path, DOCUMENT), list)
