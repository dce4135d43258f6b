"""Where things are drawn: segments of a stage bar, nodes and edges of the graph. Numbers only; templates print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.core.graph import columns
from pipelines.core.status import worst

WIDTH, HEIGHT = 1000, 16
#: The least width of anything that took time, so that it can be seen and hit.
LEAST = 8
MOST_LANES = 3

NODE_WIDTH, NODE_HEIGHT, GAP = 156, 54, 18
#: The stylesheet places this many; beyond, the graph is shown as a list.
MOST_COLUMNS, MOST_ROWS = 30, 12


@dataclass(frozen=True, slots=True)
class Piece:
    """A stage as the bar needs it. `is_hold`: it waited for a person or a clock, which is no work."""

    ref: str
    title: str
    tone: str
    started_at: datetime
    ended_at: datetime
    is_hold: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    x: int
    y: int
    width: int
    height: int
    tone: str
    title: str
    ref: str = ""
    is_hold: bool = False


def stage_bar(pieces: Sequence[Piece], to_come: float = 0.0) -> list[Segment]:
    """Segments in time order; the last `to_come` (0 to 1) of the width is left for what has not started."""
    rest = max(LEAST, round(WIDTH * min(to_come, 0.9 if pieces else 1.0))) if to_come > 0 else 0
    room = WIDTH - rest
    segments: list[Segment] = []
    x = 0
    clusters = _overlapping(pieces)
    for cluster, width in zip(clusters, _widths(clusters, room), strict=True):
        segments += _lanes(cluster, x, width)
        x += width
    if rest:
        segments.append(Segment(x, 0, WIDTH - x, HEIGHT, "todo", "Not started"))
    return segments


def _overlapping(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Pieces that ran at the same time, directly or through a third, together."""
    clusters: list[list[Piece]] = []
    end: datetime | None = None
    for piece in sorted(pieces, key=lambda piece: piece.started_at):
        if end is not None and piece.started_at < end:
            clusters[-1].append(piece)
            end = max(end, piece.ended_at)
        else:
            clusters.append([piece])
            end = piece.ended_at
    return clusters


def _widths(clusters: list[list[Piece]], room: int) -> list[int]:
    """Widths in proportion to time, none below LEAST, a long pure wait cut to half, together `room`."""
    if not clusters:
        return []
    lengths = [max(_length(cluster).total_seconds(), 0.001) for cluster in clusters]
    for index, cluster in enumerate(clusters):
        others = sum(lengths) - lengths[index]
        if others and lengths[index] > others and all(piece.is_hold for piece in cluster):
            lengths[index] = others
    least = min(LEAST, room // len(clusters))
    free = room - least * len(clusters)
    widths = [least + int(free * length / sum(lengths)) for length in lengths]
    widths[lengths.index(max(lengths))] += room - sum(widths)
    return widths


def _length(cluster: Sequence[Piece]) -> timedelta:
    return max(piece.ended_at for piece in cluster) - cluster[0].started_at


def _lanes(cluster: list[Piece], x: int, width: int) -> list[Segment]:
    lanes: list[list[Piece]] = []
    for piece in cluster:
        free = next((lane for lane in lanes if lane[-1].ended_at <= piece.started_at), None)
        if free is None:
            lanes.append([piece])
        else:
            free.append(piece)
    if len(lanes) > MOST_LANES:
        tone = worst([piece.tone for piece in cluster])
        return [Segment(x, 0, width, HEIGHT, tone, f"{len(cluster)} stages side by side", cluster[0].ref)]
    start, length = cluster[0].started_at, max(_length(cluster).total_seconds(), 0.001)
    edges = [round(HEIGHT * n / len(lanes)) for n in range(len(lanes) + 1)]
    segments = []
    for n, lane in enumerate(lanes):
        for piece in lane:
            left = round(width * (piece.started_at - start).total_seconds() / length)
            right = round(width * (piece.ended_at - start).total_seconds() / length) if len(cluster) > 1 else width
            left = min(left, width - min(LEAST, width))
            wide = max(right - left, min(LEAST, width))
            segments.append(
                Segment(x + left, edges[n], wide, edges[n + 1] - edges[n], *_what(piece)),
            )
    return segments


def _what(piece: Piece) -> tuple[str, str, str, bool]:
    return piece.tone, piece.title, piece.ref, piece.is_hold


@dataclass(frozen=True, slots=True)
class Edge:
    source: str
    target: str
    path: str


@dataclass(frozen=True, slots=True)
class Layout:
    """`places`: (column, row) of each ref, from 1. Not drawable: too large for the grid, to be shown as a list."""

    places: dict[str, tuple[int, int]]
    edges: list[Edge]
    width: int
    height: int

    @property
    def is_drawable(self) -> bool:
        return all(column <= MOST_COLUMNS and row <= MOST_ROWS for column, row in self.places.values())


def lay_out(requisites: Mapping[str, Sequence[str]]) -> Layout:
    """Columns by longest path; a stage keeps the row of what it follows where that is free. Acyclic graphs only."""
    column = columns(requisites)
    followers: dict[str, list[str]] = {}
    for ref, needs in requisites.items():
        for need in needs:
            followers.setdefault(need, []).append(ref)
    taken: set[tuple[int, int]] = set()
    rows: dict[str, int] = {}
    for ref in sorted(requisites, key=lambda ref: column[ref]):
        wanted = min((rows[need] for need in requisites[ref] if need in rows), default=0)
        row = next(row for row in range(wanted, len(requisites) + wanted + 1) if (column[ref], row) not in taken)
        rows[ref] = row
        # A line to a later column runs along this row, so nothing may stand on it.
        reach = max((column[follower] for follower in followers.get(ref, ())), default=column[ref] + 1)
        taken.update((between, row) for between in range(column[ref], max(reach, column[ref] + 1)))
    edges = [
        Edge(need, ref, _path((column[need], rows[need]), (column[ref], rows[ref])))
        for ref, needs in requisites.items()
        for need in needs
        if need in rows
    ]
    across, down = max(column.values(), default=0) + 1, max(rows.values(), default=0) + 1
    return Layout(
        {ref: (column[ref] + 1, rows[ref] + 1) for ref in requisites},
        edges,
        across * (NODE_WIDTH + GAP) - GAP,
        down * (NODE_HEIGHT + GAP) - GAP,
    )


def _path(source: tuple[int, int], target: tuple[int, int]) -> str:
    """Straight along the source's row, a rounded turn in the gap before the target's column, then into it."""
    x1, y1 = source[0] * (NODE_WIDTH + GAP) + NODE_WIDTH, source[1] * (NODE_HEIGHT + GAP) + NODE_HEIGHT // 2
    x2, y2 = target[0] * (NODE_WIDTH + GAP), target[1] * (NODE_HEIGHT + GAP) + NODE_HEIGHT // 2
    if y1 == y2:
        return f"M{x1} {y1}H{x2}"
    middle, bend = x2 - GAP // 2, 7 if y2 > y1 else -7
    return (
        f"M{x1} {y1}H{middle - 7}Q{middle} {y1} {middle} {y1 + bend}V{y2 - bend}Q{middle} {y2} {middle + 7} {y2}H{x2}"
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One result in a spark."""

    x: int
    y: int
    height: int
    tone: str


def spark(results: Sequence[tuple[timedelta, str]], height: int = 16) -> list[Bar]:
    """Oldest first: (how long it took, tone). The longest is as high as there is room."""
    longest = max((took for took, _ in results), default=timedelta(0)) or timedelta(seconds=1)
    bars = []
    for n, (took, tone) in enumerate(results):
        high = max(round(height * (took / longest)), 2)
        bars.append(Bar(n * 6, height - high, high, tone))
    return bars
