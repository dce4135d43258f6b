"""Whatever is written: no crash, no hang over 50 ms, no more than fits; and what is right by Python's arithmetic."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, example, given, settings

from pipelines.core.expressions import evaluate
from tests.pipelines.core.expressions import fuzz, grammar
from tests.pipelines.core.expressions.conftest import context

many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
LONG = "ab" * 30_000
ROOT = {
    "long": LONG,
    "text": "ab" * 500,
    "list": list(range(2000)),
    "maps": [{"k": number, "t": "x" * 50} for number in range(500)],
    "deep": json.loads("[" * 30 + "]" * 30),
}


@given(grammar.rubbish)
@example("${" * 4000)
@example("${'" + "''" * 4000)
@example("${" + "(" * 4000)
@many
def test_rubbish_is_told_and_stays(text: str):
    fuzz.one_input(b"\0" + text.encode(errors="ignore"))
    fuzz.one_input(b"\4" + f"${{{text}}}".encode(errors="ignore"))
    assert fuzz.unchanged()


@given(grammar.well_formed)
@many
def test_what_is_well_formed_has_a_value_or_says_why_not(text: str):
    fuzz.one_input(b"\0" + f"${{{text}}}".encode())
    fuzz.one_input(b"\5" + f"a${{{text}}}b".encode())
    assert fuzz.unchanged()


def test_mutations_of_the_cases_break_nothing():
    for data in itertools.islice(fuzz.mutations(seed=1), 2000):
        fuzz.one_input(data)
    assert fuzz.unchanged()


@given(grammar.numbers)
@many
def test_whole_numbers_are_reckoned_as_python_reckons_them(known: tuple[str, int]):
    assert evaluate(f"${{{known[0]}}}", context({})).value == known[1]


@given(grammar.conditions)
@many
def test_conditions_are_what_python_makes_of_them(known: tuple[str, bool]):
    assert evaluate(f"${{{known[0]}}}", context({})).value is known[1]


BOMBS = {
    "doubling": "(" * 15 + "text" + "+ text)" * 15 + ".replace('a', text).replace('b', text).replace('a', text)",
    "replacing by regex": "text.replaceAll('', text).replaceAll('a', text)",
    "nested projections": "list.![#root.list.![#root.list.![#this]]]",
    "nested selections": "list.?[#root.list.?[#root.list.contains(-1)].isEmpty()]",
    "a list of long texts": "list.![#root.long + #this]",
    "json of shared parts": "#toJson(list.![#root.maps])",
    "text of shared parts": "list.![#root.maps].toString()",
    "comparing shared parts": "list.![#root.maps] == list.![#root.maps]",
    "comparing long lists again and again": "list.?[#root.list == #root.list]",
    "searching a long text": "list.?[#root.long.contains('aaaaaaaab')]",
    "powers": "9 ^ 63",
    "backtracking": "text matches '(a|ab|b)*(a|b|ab)*(a+)+$'",
    "a great pattern": "text matches '((a?){50}b{50}){5}'",
    "counted repetitions": "text matches '(((a{20}){20}){20}){20}'",
    "a search in vain at each place": "text.replaceAll('a[ab]*?c|a', '')",
    "the same on a long text": "long.split('(a|b|c){0,200}z')",
    "unicode classes": "text.replaceAll('\\\\pL+|a', 'c')",
    "a long sum": "1" + "+1" * 1900,
    "a sum too long": "1" + "+1" * 4000,
    "a long list": "{" + ",".join(["1"] * 1900) + "}",
    "a long path": "list" + ".![#this]" * 800,
    "a long condition": "true" + "&&true" * 1300,
    "repeating": "'a'.repeat(60000).repeat(60000)",
    "joining": "list.![#root.long].join('')",
    "formatting": "'" + "%999s" * 1000 + "'.format(" + ",".join(["1"] * 40) + ")",
    "yaml": '#readAllYaml("' + "[" * 4000 + '")',
    "yaml in many parts": '#readAllYaml("' + "- a: [1,{b: c}]\n" * 400 + '")',
    "json in json": "#readJson(#toJson({" + ",".join(["{1}"] * 1500) + "}))",
    "a deep value": "{" * 30 + "}" * 30,
    "dates": "list.![T(java.time.LocalDate).parse('2026-01-31').plusMonths(#this).toString()]",
    "random": "list.![T(java.util.UUID).randomUUID()]",
    "great dates": "T(java.time.Instant).now().plusMillis(9223372036854775807)",
    "date formats": "new java.text.SimpleDateFormat('" + "yMdHms" * 16 + "').parse('" + "1" * 190 + "x')",
    "splitting": "list.![#root.long.split('a')]",
    "keys": "list.![#root.maps.![t].size()]",
    "missing": "list.![#root.nosuch]",
    "sorting out entries": "list.![{a:1,b:2,c:3}.entrySet().![key]]",
    "the deepest": "(1+2*-" * 15 + "1" + ")" * 15,
    "the deepest of lists": "{1?:{" * 14 + "1" + "}}" * 14,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_within_50_ms(name: str):
    text = f"${{{BOMBS[name]}}}"
    fuzz._CONTEXTS[0], before = context(ROOT), fuzz._CONTEXTS[0]
    try:
        fuzz.one_input(b"\0" + text.encode())
    finally:
        fuzz._CONTEXTS[0] = before


def test_all_expressions_of_a_stage_share_one_budget_and_one_room():
    costly = "${list.?[#this > 0].size()}"
    found = evaluate([costly] * 100, context(ROOT)).messages
    assert 80 < len(found) < 100
    assert "50000 of all in a stage" in str(found[-1])
    long = evaluate(["${long}"] * 20, context(ROOT))
    assert [str(message) for message in long.messages][-1:] == [
        "[19], position 3: The values of all expressions have more than 524288 characters."
    ]


def test_a_number_at_the_edge_is_kept_and_one_beyond_is_told():
    assert evaluate("${9223372036854775806 + 1}", context({})).value == 2**63 - 1
    assert "more than 64 bits" in str(evaluate("${9223372036854775807 + 1}", context({})).messages[0])
