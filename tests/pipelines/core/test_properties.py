"""Property files as builds leave them, and as somebody would who means harm."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.properties import MOST_BYTES, Unreadable, read


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a=1", "a", "1"),
        ("a = 1", "a", "1"),
        ("a: 1 ", "a", "1 "),
        ("a 1", "a", "1"),
        ("a", "a", ""),
        ("  a=b=c", "a", "b=c"),
        (r"a\=b=c", "a=b", "c"),
        (r"a\ b=c", "a b", "c"),
        (r"a=b\tc\n", "a", "b\tc\n"),
        (r"a=Gr\u00fc\u00dfe", "a", "Grüße"),
        (r"a=\ud83d\ude00", "a", "😀"),
        ("a=one \\\n   two", "a", "one two"),
        ("a=x\\\\\nb=y", "a", "x\\"),
        ("# c\n! d\n\na=1", "a", "1"),
        ("a=http://x:80/#y", "a", "http://x:80/#y"),
        ("ä=ö", "ä", "ö"),
    ],
)
def test_java_properties_are_read_as_java_does(line: str, name: str, value: str):
    assert read("build.properties", line.encode())[name] == value


def test_the_name_says_what_it_is():
    assert read("b.json", b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert read("b.yml", b"a: [1, 2]\nday: 2026-01-02\n1: x") == {"a": [1, 2], "day": "2026-01-02", "1": "x"}
    assert read("b.YAML", b"a: b") == {"a": "b"}
    assert read("b", "a=\xfc".encode("latin-1")) == {"a": "ü"}
    assert read("b.properties", b"") == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.json", b"[1]"),
        ("b.json", b"{"),
        ("b.json", b'{"a": NaN}'),
        ("b.json", b'{"a": "\\u0000"}'),
        ("b.json", b'{"a": "\\ud800"}'),
        ("b.json", b'{"a":' + b"[" * 100_000),
        ("b.yml", b"- 1"),
        ("b.yml", b"a: !!python/object/apply:os.system [id]"),
        ("b.yml", b"a: &x [1]\nb: [*x, *x]"),
        ("b.yml", b"a: [" + b"[" * 20_000),
        ("b.yml", b"a: 'x"),
        ("b.yml", b""),
        ("b.properties", b"a=\\u0000"),
        ("b.properties", b"a=" + b"x" * MOST_BYTES),
    ],
)
def test_what_cannot_be_read_or_kept_is_refused(name: str, content: bytes):
    with pytest.raises(Unreadable):
        read(name, content)


@given(st.sampled_from(["b.properties", "b.json", "b.yml"]), st.binary(max_size=300))
def test_no_bytes_break_the_reader(name: str, content: bytes):
    with contextlib.suppress(Unreadable):
        assert isinstance(read(name, content), dict)
