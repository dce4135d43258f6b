"""What an expression is made of. `position` is where in its text a part begins, or, of an operation, its sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    position: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A key of the map that is looked at: the context, or the element in a selection or projection."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """#root, #this."""

    name: str


@dataclass(frozen=True, slots=True)
class Function(Node):
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Method(Node):
    """A method of what is looked at, without anything before it."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Type(Node):
    """T(java.lang.Math)."""

    name: str


@dataclass(frozen=True, slots=True)
class New(Node):
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf(Node):
    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    sign: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operations of one rank, from left to right: flat, so that a long sum is not a deep one."""

    first: Node
    rest: tuple[tuple[str, int, Node], ...]


@dataclass(frozen=True, slots=True)
class Binary(Node):
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Elvis(Node):
    value: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Ternary(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Path(Node):
    """A value and what is looked up in it, from left to right."""

    start: Node
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Property(Node):
    name: str
    is_safe: bool


@dataclass(frozen=True, slots=True)
class Call(Node):
    name: str
    arguments: tuple[Node, ...]
    is_safe: bool


@dataclass(frozen=True, slots=True)
class Index(Node):
    key: Node


@dataclass(frozen=True, slots=True)
class Select(Node):
    """`which` is "?" (all), "^" (the first) or "$" (the last)."""

    which: str
    condition: Node
    is_safe: bool


@dataclass(frozen=True, slots=True)
class Project(Node):
    element: Node
    is_safe: bool


Part = Property | Call | Index | Select | Project
