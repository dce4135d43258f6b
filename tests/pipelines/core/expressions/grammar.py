"""Expressions made at random: from the language's own words, well formed or not, and with values known beforehand."""

from __future__ import annotations

from hypothesis import strategies as st

from pipelines.core.expressions.functions import FUNCTIONS

NAMES = ["n", "s", "list", "names", "m", "items", "map", "isnull", "regions", "exists", "nosuch", "size", "v", "a-b"]
METHODS = [
    "split",
    "replace",
    "replaceAll",
    "replaceFirst",
    "toLowerCase",
    "trim",
    "substring",
    "contains",
    "startsWith",
    "indexOf",
    "length",
    "isEmpty",
    "matches",
    "equals",
    "charAt",
    "concat",
    "format",
    "toString",
    "size",
    "get",
    "containsKey",
    "keySet",
    "values",
    "entrySet",
    "join",
    "first",
    "last",
    "compareTo",
    "plusDays",
    "getTime",
    "between",
    "now",
    "of",
    "parse",
    "repeat",
    "subList",
    "hashCode",
    "getClass",
]
CLASSES = ["Math", "java.time.LocalDate", "Instant", "java.util.Date", "UUID", "Integer", "String", "Random", "System"]
WORDS = [
    *["(", ")", "[", "]", "{", "}", ".", "?.", ".?[", ".![", ".^[", ".$[", "?:", "?", ":", ",", "+", "-", "*", "/", "%", "^", "!", "&&", "||", "==", "!=", "<", ">", "<=", ">=", "=", "#", "@", "'", '"', "${", "}"],
    *["and", "or", "not", "eq", "lt", "matches", "between", "instanceof", "new", "T(", "true", "false", "null", "#root", "#this", "1", "0", "-1", "2.5", "1e9", "0x7f"],
    *["'a'", '"b"', "'(a+)+$'", "'.*'", "9223372036854775807", "'%s'", "''"],
    *NAMES, *METHODS, *CLASSES, *(f"#{name}(" for name in FUNCTIONS),
]  # fmt: skip

#: Anything, and tokens in any order.
rubbish = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
)

_leaves = st.one_of(
    st.sampled_from(["1", "0", "-3", "2.5", "'ab'", "'a,b'", "true", "null", "#root", "#this", "{1,2,3}", "{a:1}"]),
    st.sampled_from(NAMES[:-1]),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.text(alphabet="abc .*+()[]${}'\\", max_size=12).map(lambda text: "'" + text.replace("'", "''") + "'"),
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "%", "^", "==", "!=", "<", ">=", "&&", "||", "?:", "matches", "between", "instanceof"]), inner)
        .map(" ".join).map(lambda text: f"({text})"),
        st.tuples(inner, st.sampled_from(METHODS), arguments).map(lambda x: f"{x[0]}.{x[1]}({x[2]})"),
        st.tuples(inner, st.sampled_from(["?[", "![", "^[", "$["]), inner).map(lambda x: f"{x[0]}.{x[1]}{x[2]}]"),
        st.tuples(inner, inner).map(lambda x: f"{x[0]}[{x[1]}]"),
        st.tuples(inner, st.sampled_from(NAMES[:-1])).map(lambda x: f"{x[0]}?.{x[1]}"),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), arguments).map(lambda x: f"#{x[0]}({x[1]})"),
        st.tuples(st.sampled_from(CLASSES), st.sampled_from(METHODS), arguments).map(lambda x: f"T({x[0]}).{x[1]}({x[2]})"),
        st.tuples(st.sampled_from(CLASSES), arguments).map(lambda x: f"new {x[0]}({x[1]})"),
        st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} ? {x[1]} : {x[2]})"),
        st.lists(inner, max_size=4).map(lambda items: "{" + ", ".join(items) + "}"),
        inner.map("!{}".format), inner.map("-{}".format),
    )  # fmt: skip


#: Well formed, of any meaning.
well_formed = st.recursive(_leaves, _grown, max_leaves=25)

Known = tuple[str, object]


def _plain(number: int) -> Known:
    return (str(number) if number >= 0 else f"({number})"), number


def _whole(inner: st.SearchStrategy[Known]) -> st.SearchStrategy[Known]:
    def made(parts: tuple[Known, str, Known]) -> Known:
        (left, a), sign, (right, b) = parts
        if sign == "/":
            value = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else 0
            return (f"({left} / {right})", value) if b else (f"({left} * 0)", 0)
        return f"({left} {sign} {right})", {"+": a + b, "-": a - b, "*": a * b}[sign]

    return st.tuples(inner, st.sampled_from("+-*/"), inner).map(made).filter(lambda known: abs(known[1]) < 2**31)


#: (expression, value): whole numbers, and conditions on them, by Python's own rules.
numbers = st.recursive(st.integers(-9, 9).map(_plain), _whole, max_leaves=12)


def _compared(parts: tuple[Known, str, Known]) -> Known:
    (left, a), sign, (right, b) = parts
    value = {"<": a < b, "<=": a <= b, "==": a == b, "!=": a != b, ">": a > b, ">=": a >= b}[sign]
    return f"{left} {sign} {right}", value


def _joined(parts: tuple[Known, str, Known]) -> Known:
    (left, a), sign, (right, b) = parts
    return f"({left} {sign} {right})", (a and b) if sign in ("&&", "and") else (a or b)


_comparisons = st.tuples(numbers, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), numbers).map(_compared)
conditions = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||", "and", "or"]), inner).map(_joined),
        inner.map(lambda known: (f"!({known[0]})", not known[1])),
    ),
    max_leaves=8,
)
