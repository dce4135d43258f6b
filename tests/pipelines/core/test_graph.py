"""The graph of stages by tables and by made-up graphs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.graph import columns, downstream, find_cycle, upstream

DIAMOND = {"1": [], "2": ["1"], "3": ["1"], "4": ["2", "3"]}


def test_upstream_and_downstream_come_nearest_first():
    assert upstream("4", DIAMOND) == ["2", "3", "1"]
    assert downstream(["1"], DIAMOND) == ["2", "3", "4"]


def test_a_stage_stands_one_column_behind_the_last_it_rests_on():
    assert columns({**DIAMOND, "5": ["1", "4"], "6": []}) == {"1": 0, "2": 1, "3": 1, "4": 2, "5": 3, "6": 0}


@pytest.mark.parametrize(
    ("graph", "cycle"),
    [(DIAMOND, []), ({"a": ["a"]}, ["a", "a"]), ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]), ({"a": ["x"]}, [])],
)
def test_a_cycle_is_found_with_both_its_ends(graph, cycle):
    assert find_cycle(graph) == cycle


def test_a_long_chain_is_no_matter():
    chain = {str(n): [str(n - 1)] if n else [] for n in range(5000)}
    assert find_cycle(chain) == []
    assert columns(chain)["4999"] == 4999


@st.composite
def graphs(draw):
    count = draw(st.integers(0, 8))
    names = [str(n) for n in range(count)]
    return {name: draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) for name in names}


@given(graphs())
def test_a_graph_has_columns_in_order_or_a_cycle(graph):
    cycle = find_cycle(graph)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(after in graph[before] for before, after in pairwise(cycle))
    else:
        column = columns(graph)
        assert all(column[need] < column[name] for name, needs in graph.items() for need in needs)
