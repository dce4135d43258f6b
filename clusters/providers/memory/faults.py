"""Every call of a part goes through `call`: it is recorded, and fails as scripted, before or after its work."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from clusters.providers.base import CALL_SECONDS, ProviderError
from clusters.providers.memory.world import World

READS = frozenset({"list", "changes", "get", "bake", "log", "blueprint"})
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Call:
    """`method` is "server_groups.create"; `args` come in the order of the contract."""

    method: str
    args: tuple[Any, ...]


@dataclass
class Fault:
    method: str
    error: ProviderError
    times: int
    after_doing: bool
    hangs: bool = False


class Script:
    """Faults to come, in order, and the calls so far."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.released = threading.Event()

    def next_fault(self, call: Call) -> Fault | None:
        self.calls.append(call)
        fault = next((f for f in self.faults if f.method == call.method and f.times > 0), None)
        if fault:
            fault.times -= 1
        return fault

    def strike(self, fault: Fault) -> None:
        if fault.hangs:
            self.released.wait(CALL_SECONDS)
        raise fault.error


class Part(Protocol):
    name: str
    world: World
    script: Script


S = TypeVar("S", bound=Part)


def call(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    @functools.wraps(method)
    def called(part: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        world, script = part.world, part.script
        with world.lock:
            fault = script.next_fault(Call(f"{part.name}.{method.__name__}", (*args, *kwargs.values())))
        if fault and not fault.after_doing:
            script.strike(fault)
        with world.lock:
            result = method(part, *args, **kwargs)
            if world.is_auto and method.__name__ in READS:
                world.advance()
        if fault and fault.after_doing:
            script.strike(fault)
        return result

    return called
