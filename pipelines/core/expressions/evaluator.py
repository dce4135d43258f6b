"""A tree to a value: one step at a time, each counted. No Python object is reached but the values themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pipelines.core.expressions import classes, methods, tree
from pipelines.core.expressions.classes import Moment
from pipelines.core.expressions.errors import ExpressionError
from pipelines.core.expressions.functions import FUNCTIONS, Context
from pipelines.core.expressions.limits import Budget
from pipelines.core.expressions.patterns import matches
from pipelines.core.expressions.values import (
    Thing,
    add,
    arithmetic,
    compare,
    equal,
    is_list,
    is_number,
    kind,
    truth,
)

_CLASS = "class"
#: A bare word that stands for the call of the function of that name.
_CALLED = "deployedServerGroups"


class Evaluator:
    """For one expression. `missing` is what was looked up in vain last: (name, position, the map it is not in)."""

    def __init__(self, known: Context, moment: Moment, budget: Budget, *, is_strict: bool) -> None:
        self._known = known
        self._root = known.root
        self._moment = moment
        self._budget = budget
        self._is_strict = is_strict
        self.missing: tuple[str, int, dict[Any, Any]] | None = None

    def value(self, node: tree.Node, this: Any) -> Any:
        """Raises ExpressionError with the position of the part that failed."""
        try:
            self._budget.spend()
            return _RULES[type(node)](self, node, this)
        except ExpressionError as error:
            if error.position is None:
                error.position = node.position
            raise

    def _values(self, nodes: tuple[tree.Node, ...], this: Any) -> list[Any]:
        return [self.value(node, this) for node in nodes]

    # what stands alone

    def _literal(self, node: tree.Literal, this: Any) -> Any:
        return node.value

    def _name(self, node: tree.Name, this: Any) -> Any:
        if node.name == _CALLED and this is self._root and self._known.execution:
            return FUNCTIONS[_CALLED](self._known, self._budget, [])
        return self._key(node, this)

    def _key(self, node: tree.Name | tree.Property, value: Any) -> Any:
        """The value of a key, or one of the few properties that other values have."""
        if isinstance(value, dict):
            if node.name in value:
                return value[node.name]
            if self._is_strict:
                raise ExpressionError(f"{node.name} not found.", node.position, map(str, value))
            self.missing = node.name, node.position, value
            return None
        if value is None:
            raise self._in_null(f"{node.name} cannot be looked up in null", node.position)
        if isinstance(value, Thing) and value.kind == _CLASS:
            return classes.static_field(value.value, node.name)
        if node.name == "length" and is_list(value):
            return len(value)
        getter = "isEmpty" if node.name == "empty" else f"get{node.name[:1].upper()}{node.name[1:]}"
        known = methods.methods_of(value)
        if getter in known:
            return methods.call(value, getter, [], self._budget)
        offered = [f"{name}()" for name in known]
        raise ExpressionError(f"{kind(value).capitalize()} has no {node.name!r}.", node.position, offered)

    def _in_null(self, message: str, position: int) -> ExpressionError:
        """With what was looked up in vain before, which is where the null came from."""
        if self.missing is None:
            return ExpressionError(f"{message}.", position)
        name, _, there = self.missing
        return ExpressionError(f"{message}: {name} not found.", position, map(str, there))

    def _variable(self, node: tree.Variable, this: Any) -> Any:
        if node.name == "this":
            return this
        if node.name == "root":
            return self._root
        raise ExpressionError(f"There is no #{node.name}.", node.position, ("#root", "#this"))

    def _function(self, node: tree.Function, this: Any) -> Any:
        if node.name not in FUNCTIONS:
            raise ExpressionError(f"There is no function #{node.name}.", node.position, FUNCTIONS)
        return FUNCTIONS[node.name](self._known, self._budget, self._values(node.arguments, this))

    def _method(self, node: tree.Method, this: Any) -> Any:
        return methods.call(this, node.name, self._values(node.arguments, this), self._budget)

    def _type(self, node: tree.Type, this: Any) -> Any:
        return Thing(_CLASS, classes.name_of(node.name))

    def _new(self, node: tree.New, this: Any) -> Any:
        name = classes.name_of(node.name)
        return classes.construct(name, self._values(node.arguments, this), self._moment, self._budget)

    def _list(self, node: tree.ListOf, this: Any) -> Any:
        return self._values(node.items, this)

    def _map(self, node: tree.MapOf, this: Any) -> Any:
        return {methods.key_of(self.value(key, this)): self.value(item, this) for key, item in node.items}

    # operations

    def _unary(self, node: tree.Unary, this: Any) -> Any:
        value = self.value(node.operand, this)
        if node.sign == "!":
            return not truth(value)
        if not is_number(value):
            raise ExpressionError(f"'{node.sign}' needs a number, not {kind(value)}.")
        return arithmetic("-", 0, value) if node.sign == "-" else value

    def _chain(self, node: tree.Chain, this: Any) -> Any:
        value = self.value(node.first, this)
        for sign, position, operand in node.rest:
            try:
                value = self._operate(sign, value, operand, this)
            except ExpressionError as error:
                error.position = position if error.position is None else error.position
                raise
        return value

    def _operate(self, sign: str, left: Any, operand: tree.Node, this: Any) -> Any:
        self._budget.spend()
        if sign == "||":
            return truth(left) or truth(self.value(operand, this))
        if sign == "&&":
            return truth(left) and truth(self.value(operand, this))
        right = self.value(operand, this)
        return add(left, right, self._budget) if sign == "+" else arithmetic(sign, left, right)

    def _binary(self, node: tree.Binary, this: Any) -> Any:
        left, right = self.value(node.left, this), self.value(node.right, this)
        match node.sign:
            case "==":
                return equal(left, right, self._budget)
            case "!=":
                return not equal(left, right, self._budget)
            case "matches":
                return matches(methods.text(left), methods.text(right), self._budget)
            case "between":
                return self._between(left, right)
            case "instanceof":
                return self._is_instance(left, right)
            case "^":
                return arithmetic("^", left, right)
        return _ORDERS[node.sign](self._compared(left, right))

    def _compared(self, left: Any, right: Any) -> int:
        if isinstance(left, str):
            self._budget.spend_text(left)
        return compare(left, right)

    def _between(self, value: Any, ends: Any) -> bool:
        if not is_list(ends) or len(ends) != 2:
            raise ExpressionError("between needs a list of two: the least and the most.")
        return self._compared(value, ends[0]) >= 0 and self._compared(value, ends[1]) <= 0

    def _is_instance(self, value: Any, of: Any) -> bool:
        if not isinstance(of, Thing) or of.kind != _CLASS:
            raise ExpressionError("instanceof needs a class, such as T(String).")
        return classes.is_instance(value, of.value)

    def _elvis(self, node: tree.Elvis, this: Any) -> Any:
        value = self.value(node.value, this)
        return self.value(node.otherwise, this) if value is None or value == "" else value

    def _ternary(self, node: tree.Ternary, this: Any) -> Any:
        return self.value(node.yes if truth(self.value(node.condition, this)) else node.no, this)

    # looking up

    def _path(self, node: tree.Path, this: Any) -> Any:
        value = self.value(node.start, this)
        for part in node.parts:
            try:
                self._budget.spend()
                if value is None and getattr(part, "is_safe", False):
                    return None
                value = _PARTS[type(part)](self, part, value, this)
            except ExpressionError as error:
                error.position = part.position if error.position is None else error.position
                raise
        return value

    def _property(self, part: tree.Property, value: Any, this: Any) -> Any:
        return self._key(part, value)

    def _call(self, part: tree.Call, value: Any, this: Any) -> Any:
        if value is None:
            raise self._in_null(f"{part.name}() cannot be called on null", part.position)
        arguments = self._values(part.arguments, this)
        if isinstance(value, Thing) and value.kind == _CLASS:
            return classes.call_static(value.value, part.name, arguments, self._moment, self._budget)
        return methods.call(value, part.name, arguments, self._budget)

    def _index(self, part: tree.Index, value: Any, this: Any) -> Any:
        if value is None:
            raise self._in_null("There is no [ ] in null", part.position)
        if isinstance(value, dict):
            # As in Spring, a bare word in the brackets of a map is the key itself.
            is_word = isinstance(part.key, tree.Name)
            key = part.key.name if isinstance(part.key, tree.Name) else self.value(part.key, this)
            if (found := value.get(methods.key_of(key))) is None and (is_word or isinstance(key, str)):
                self.missing = str(key), part.position, value
            return found
        if isinstance(value, str) or is_list(value):
            return methods.at(value, self.value(part.key, this))
        raise ExpressionError(f"There is no [ ] in {kind(value)}.")

    def _select(self, part: tree.Select, value: Any, this: Any) -> Any:
        found: list[Any] = []
        for item in self._elements(value):
            self._budget.spend()
            if truth(self.value(part.condition, item)):
                found.append(item)
                if part.which == "^":
                    break
        if isinstance(value, dict):
            picked = {"?": found, "^": found[:1], "$": found[-1:]}[part.which]
            return {item["key"]: item["value"] for item in picked}
        if part.which == "?":
            return found
        return found[-1] if found else None

    def _project(self, part: tree.Project, value: Any, this: Any) -> Any:
        found = []
        for item in self._elements(value):
            self._budget.spend()
            found.append(self.value(part.element, item))
        return found

    def _elements(self, value: Any) -> Sequence[Any]:
        if isinstance(value, dict):
            return methods.entries(self._budget, value)
        if not is_list(value):
            raise ExpressionError(f"Elements are taken from a list or a map, not from {kind(value)}.")
        return cast(Sequence[Any], value)


_ORDERS: Mapping[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}
_RULES: dict[type[tree.Node], Callable[[Evaluator, Any, Any], Any]] = {
    tree.Literal: Evaluator._literal,
    tree.Name: Evaluator._name,
    tree.Variable: Evaluator._variable,
    tree.Function: Evaluator._function,
    tree.Method: Evaluator._method,
    tree.Type: Evaluator._type,
    tree.New: Evaluator._new,
    tree.ListOf: Evaluator._list,
    tree.MapOf: Evaluator._map,
    tree.Unary: Evaluator._unary,
    tree.Chain: Evaluator._chain,
    tree.Binary: Evaluator._binary,
    tree.Elvis: Evaluator._elvis,
    tree.Ternary: Evaluator._ternary,
    tree.Path: Evaluator._path,
}
_PARTS: dict[type[tree.Node], Callable[[Evaluator, Any, Any, Any], Any]] = {
    tree.Property: Evaluator._property,
    tree.Call: Evaluator._call,
    tree.Index: Evaluator._index,
    tree.Select: Evaluator._select,
    tree.Project: Evaluator._project,
}
