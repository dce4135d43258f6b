"""Parameter values at start."""

from __future__ import annotations

import pytest

from pipelines.core.parameters import resolve

ENV = {"name": "env", "default": "test", "hasOptions": True, "options": [{"value": "test"}, {"value": "prod"}]}


@pytest.mark.parametrize(
    ("config", "given", "values", "wrong"),
    [
        ([ENV], {}, {"env": "test"}, []),
        ([ENV], {"env": "prod"}, {"env": "prod"}, []),
        ([ENV], {"env": "moon"}, {"env": "moon"}, ["env"]),
        ([ENV], {"env": ""}, {"env": ""}, []),
        ([{**ENV, "required": True}], {"env": ""}, {"env": ""}, ["env"]),
        ([{"name": "size", "required": True}], {}, {}, ["size"]),
        ([{"name": "size"}], {"size": "3", "more": 1}, {"size": "3", "more": 1}, []),
    ],
)
def test_what_is_given_counts_else_the_default_and_errors_name_the_parameter(config, given, values, wrong):
    found, errors = resolve(config, given)
    assert found == values
    assert list(errors) == wrong
