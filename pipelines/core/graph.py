"""The graph of stages: what is wrong with one, what lies upstream, in which columns it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

Requisites = Mapping[str, Sequence[str]]


def find_cycle(requisites: Requisites) -> list[str]:
    """Refs along one cycle, first and last the same; [] when there is none. Unknown refs are ignored."""
    done: set[str] = set()
    for start in requisites:
        path: list[str] = []
        trail: list[tuple[str, Iterator[str]]] = [(start, iter((start,)))]
        while trail:
            ref = next((ref for ref in trail[-1][1] if ref in requisites and ref not in done), None)
            if ref is None:
                trail.pop()
                if path:
                    done.add(path.pop())
            elif ref in path:
                return [*path[path.index(ref) :], ref]
            else:
                path.append(ref)
                trail.append((ref, iter(requisites[ref])))
    return []


def upstream(ref: str, requisites: Requisites) -> list[str]:
    """Every ref that `ref` rests on, nearest first, each once."""
    return _walk(requisites.get(ref, ()), requisites)


def downstream(refs: Iterable[str], requisites: Requisites) -> list[str]:
    """Every ref that rests on one of `refs`, nearest first, without `refs` themselves unless in a cycle."""
    followers: dict[str, list[str]] = {}
    for ref, needs in requisites.items():
        for need in needs:
            followers.setdefault(need, []).append(ref)
    starts = list(refs)
    return _walk([follower for ref in starts for follower in followers.get(ref, ())], followers)


def columns(requisites: Requisites) -> dict[str, int]:
    """The column of each ref, from 0: one behind the last of its requisites (longest path). Acyclic graphs only."""
    column: dict[str, int] = {}
    stack = list(reversed(list(requisites)))
    while stack:
        ref = stack[-1]
        missing = [need for need in requisites[ref] if need in requisites and need not in column]
        if missing and ref not in column:
            stack.extend(missing)
            continue
        stack.pop()
        column.setdefault(ref, 1 + max((column[need] for need in requisites[ref] if need in column), default=-1))
    return column


def _walk(starts: Iterable[str], edges: Requisites) -> list[str]:
    found: dict[str, None] = {}
    queue = list(starts)
    for ref in queue:
        if ref not in found:
            found[ref] = None
            queue.extend(edges.get(ref, ()))
    return list(found)
