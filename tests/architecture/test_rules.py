"""Rules of the house that no linter knows. Each names the one place that may do what others may not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest

from clusters import queries

ROOT = Path(__file__).parents[2]
PRODUCT = ("clusters", "pipelines", "spinnaker_web")


def sources(*folders: str, but: tuple[str, ...] = ()) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [path for path in found if "migrations" not in path.parts and str(path.relative_to(ROOT)) not in but]


def calls(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every call in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def offenders(pattern: str, paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in paths
        for line, name in calls(path)
        if re.search(pattern, name)
    ]


@pytest.mark.parametrize(
    ("why", "pattern", "folders", "but"),
    [
        (
            "only the outbox talks to the queue",
            r"\.(enqueue|enqueue_call|enqueue_in)$",
            PRODUCT,
            ("pipelines/engine/outbox.py",),
        ),
        (
            "the engine knows only the database's clock",
            r"(datetime|timezone)\.now$|^time\.time$",
            ("pipelines/engine", "pipelines/core", "pipelines/stages"),
            (),
        ),
        ("nothing sleeps in a worker", r"^(time\.)?sleep$", ("pipelines",), ("pipelines/engine/lease.py",)),
        ("no code is made from text", r"^(eval|exec|compile|__import__|pickle\..*|yaml\.load)$", PRODUCT, ()),
        ("archives are never unpacked blindly", r"\.(extractall|unpack_archive)$", PRODUCT, ()),
        ("templates escape", r"(mark_safe|SafeString)$", PRODUCT, ()),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_only_one_place_may_do(why, pattern, folders, but):
    assert offenders(pattern, sources(*folders, but=but)) == [], why


def test_only_the_engine_writes_executions_stages_and_steps():
    written = r"(Execution|Stage|Step|Event)\.objects(\.\w+\(.*\))*\.(create|update|bulk_create|delete|get_or_create)$"
    assert (
        offenders(
            written, sources(*PRODUCT, but=tuple(str(path.relative_to(ROOT)) for path in sources("pipelines/engine")))
        )
        == []
    )


def test_pipelines_read_clusters_only_for_an_actor():
    """`clusters.queries` has doors without a permission check, for operations, which check WRITE themselves."""
    pure = {"cluster_of"}
    asked = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}": getattr(queries, node.attr)
        for path in sources("pipelines")
        if "from clusters import queries" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "queries" and node.attr not in pure
    }
    assert asked
    assert [where for where, function in asked.items() if next(iter(signature(function).parameters)) != "actor"] == []
    around = re.compile(r"clusters\.queries\.|clusters\.queries import|providers import|get_provider|PROVIDERS")
    assert [str(path) for path in sources("pipelines") if around.search(path.read_text())] == []


def test_no_process_is_started_through_a_shell():
    shells = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(*PRODUCT)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "shell"
    ]
    assert shells == []


def test_templates_hold_no_script_no_style_and_no_unescaped_text():
    wrong = re.compile(
        r"\|\s*safe\b|autoescape off|<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE
    )
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}"
        for path in (ROOT / "templates").rglob("*.html")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if wrong.search(line)
    ]
    assert found == []


def test_no_module_is_named_after_nothing():
    vague = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "manager.py", "misc.py"}
    assert [str(path) for path in sources(*PRODUCT) if path.name in vague] == []


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(*PRODUCT)
        if path.read_text().strip()
        and not ast.get_docstring(ast.parse(path.read_text()))
        and path.name not in ("apps.py", "urls.py", "__init__.py")
    ]
    assert silent == []
