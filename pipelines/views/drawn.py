"""The graph of stages as templates print it: of an execution, and of a pipeline being edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.core import drawing, sentences
from pipelines.core.definition import PipelineSpec, Problem
from pipelines.core.graph import find_cycle
from pipelines.core.locate import line_of
from pipelines.core.plan import Json
from pipelines.core.status import Look, Status
from pipelines.models import Stage
from pipelines.queries.runs import Waiting
from pipelines.queries.whole import Whole
from pipelines.views.shown import Reader, stage_look

#: Pictures of stages that have not run, by type.
ICONS = {"bake": "box", "deploy": "up", "wait": "clock", "manualJudgment": "ask"}
WRONG = Look("Has errors", "bad", "fail")
DOUBTFUL = Look("Has warnings", "warn", "warn")


@dataclass(frozen=True, slots=True)
class Node:
    ref: str
    name: str
    look: Look
    fact: str
    href: str
    place: str
    is_picked: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: list[Node]
    #: (css class, path)
    edges: list[tuple[str, str]]
    width: int
    height: int
    is_drawable: bool


def execution_graph(whole: Whole, reader: Reader, picked: Stage | None, address: str) -> Graph:
    """`address` leads to a stage when its ref is put in place of {}."""
    tops = {stage.ref: stage for stage in whole.tops}
    layout = drawing.lay_out({ref: stage.requisites for ref, stage in tops.items()})
    picked_ref = picked.ref.partition("<")[0].partition(">")[0] if picked else ""
    nodes = []
    for ref, place in _places(layout).items():
        stage = tops[ref]
        waiting = [waits for waits in whole.waiting if waits.top is stage]
        look = stage_look(stage, waiting, reader, whole.execution.application)
        fact = _fact(stage, reader.now, waiting)
        nodes.append(Node(ref, stage.name, look, fact, f"{address}{ref}#stage", place, ref == picked_ref))
    edges = [(_edge(tops[edge.source], tops[edge.target]), edge.path) for edge in layout.edges]
    return Graph(nodes, edges, layout.width, layout.height, layout.is_drawable)


def draft_graph(document: Json, spec: PipelineSpec, source: str, problems: Sequence[Problem]) -> Graph | None:
    """None when stages wait for each other, so that no order can be drawn."""
    stages = {stage.ref: stage for stage in spec.stages}
    requisites = {ref: [need for need in stage.requisites if need in stages] for ref, stage in stages.items()}
    if not stages or find_cycle(requisites):
        return None
    layout = drawing.lay_out(requisites)
    places = {id(raw): number for number, raw in enumerate(document["stages"])}
    index = {ref: places[id(stage.context)] for ref, stage in stages.items()}
    nodes = []
    for ref, place in _places(layout).items():
        path = f"stages[{index[ref]}]"
        mine = [
            problem for problem in problems if problem.path == path or problem.path.startswith((f"{path}.", f"{path}["))
        ]
        look = Look("Stage", "idle solid", ICONS.get(stages[ref].type_key, "code"))
        if mine:
            look = WRONG if any(one.severity == "error" for one in mine) else DOUBTFUL
        fact = mine[0].message if mine else sentences.in_words(stages[ref].type_key)
        nodes.append(Node(ref, stages[ref].name, look, fact, f"#line-{line_of(source, path)}", place))
    return Graph(nodes, [("", edge.path) for edge in layout.edges], layout.width, layout.height, layout.is_drawable)


def _places(layout: drawing.Layout) -> dict[str, str]:
    """Classes of each node, in running order; those with others beside them are branches."""
    columns = [column for column, _ in layout.places.values()]
    ordered = sorted(layout.places.items(), key=lambda item: item[1])
    return {ref: f"x{column} y{row}{' branch' if columns.count(column) > 1 else ''}" for ref, (column, row) in ordered}


def _edge(source: Stage, target: Stage) -> str:
    if target.status == Status.NOT_STARTED or not Status(source.status).is_complete:
        return "todo"
    return "done" if Status(target.status).is_complete else "lit"


def _fact(stage: Stage, now: datetime, waiting: Sequence[Waiting]) -> str:
    if stage.started_at is None:
        return sentences.in_words(stage.type_key)
    if stage.look.tone == "bad" and stage.message:
        return stage.message
    time = sentences.took((stage.ended_at or now) - stage.started_at)
    if stage.status == Status.RUNNING:
        return next(filter(None, (_short(waits, now) for waits in waiting)), f"for {time}")
    if hasattr(stage, "judgment"):
        return f"{stage.judgment.by} said {'go on' if stage.judgment.answer == 'continue' else 'stop'}, {time}"
    return time


def _short(waits: Waiting, now: datetime) -> str:
    end = waits.step.deadline if waits.asks else waits.step.due_at if waits.stage.type_key == "wait" else None
    return f"until {sentences.clock(end, now)}" if end else waits.step.waiting_for
