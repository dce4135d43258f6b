"""Tokens to a tree. The grammar is that of Spring's expression language, without assignment and beans.

Ranks, the loosest first: `?:` and `a ? b : c`; or; and; comparisons (one, not several); sums; products; `^`; signs
before; what is looked up with `.` and `[…]`. Each level of brackets costs a few frames, so nesting is limited.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from pipelines.core.expressions import tree
from pipelines.core.expressions.errors import ExpressionError, TooMuch
from pipelines.core.expressions.limits import MOST_DEPTH, MOST_EXPRESSION, MOST_TOKENS
from pipelines.core.expressions.tokens import END, NAME, NUMBER, SIGN, TEXT, Token, tokens

_WORDS = {"and": "&&", "or": "||", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_WORDS |= {"div": "/", "mod": "%", "matches": "matches", "between": "between", "instanceof": "instanceof"}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "matches", "between", "instanceof"})
_RANKS = (frozenset({"||"}), frozenset({"&&"}), _COMPARISONS, frozenset("+-"), frozenset("*/%"), frozenset("^"))
_OR, _AND, _COMPARE, _SUM, _PRODUCT, _POWER, _SIGNED = range(7)
_CONSTANTS = {"true": True, "false": False, "null": None}
_SELECTIONS = ("?[", "^[", "$[")
_REFUSED = {
    "=": "An expression sets nothing; == compares.",
    "++": "An expression changes nothing.",
    "--": "An expression changes nothing.",
    "@": "There are no beans here.",
    "&": "'and' is written &&.",
    "|": "'or' is written ||.",
}


def parse(text: str) -> tree.Node:
    """Raises ExpressionError with the position of what does not belong there."""
    if len(text) > MOST_EXPRESSION:
        raise TooMuch(f"An expression may have {MOST_EXPRESSION} characters at most.", 0)
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(islice(tokens(text), MOST_TOKENS + 1))
        if len(self._tokens) > MOST_TOKENS:
            raise TooMuch("The expression has too many parts.", self._tokens[-1].position)
        self._at = 0
        self._depth = 0

    # tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _is(self, sign: str) -> bool:
        return self._next.kind == SIGN and self._next.value == sign

    def _if(self, sign: str) -> bool:
        if self._is(sign):
            self._take()
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._if(sign):
            raise ExpressionError(f"Expected {sign!r} before {self._next}.", self._next.position)

    def _name(self) -> Token:
        if self._next.kind != NAME:
            raise ExpressionError(f"Expected a name before {self._next}.", self._next.position)
        return self._take()

    def _unexpected(self) -> ExpressionError:
        token = self._next
        if token.kind == SIGN and token.value in _REFUSED:
            return ExpressionError(_REFUSED[token.value], token.position)
        if token.kind == END and token.position == 0:
            return ExpressionError("There is nothing between ${ and }.", 0)
        return ExpressionError(f"{token} is not expected here.", token.position)

    # expressions

    def whole(self) -> tree.Node:
        node = self._expression()
        if self._next.kind != END:
            raise self._unexpected()
        return node

    def _expression(self) -> tree.Node:
        return self._deeper(self._choice)

    def _deeper(self, rule: Callable[[], tree.Node]) -> tree.Node:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise TooMuch(f"Nested deeper than {MOST_DEPTH} levels.", self._next.position)
        node = rule()
        self._depth -= 1
        return node

    def _choice(self) -> tree.Node:
        value = self._ranked(_OR)
        position = self._next.position
        if self._if("?:"):
            return tree.Elvis(position, value, self._expression())
        if self._if("?"):
            yes = self._expression()
            self._expect(":")
            return tree.Ternary(position, value, yes, self._expression())
        return value

    def _ranked(self, rank: int) -> tree.Node:
        if rank == _SIGNED:
            return self._signed()
        first = self._ranked(rank + 1)
        rest = []
        while sign := self._operator(rank):
            position = self._take().position
            rest.append((sign, position, self._ranked(rank + 1)))
            if rank in (_COMPARE, _POWER):
                break
        if not rest:
            return first
        if rank in (_COMPARE, _POWER):
            ((sign, position, right),) = rest
            return tree.Binary(position, sign, first, right)
        return tree.Chain(rest[0][1], first, tuple(rest))

    def _operator(self, rank: int) -> str:
        """The sign of the operation that comes next, if it is of that rank."""
        token = self._next
        sign = _WORDS.get(token.value.lower(), "") if token.kind == NAME else token.value
        return str(sign) if token.kind in (NAME, SIGN) and sign in _RANKS[rank] else ""

    def _signed(self) -> tree.Node:
        token = self._next
        is_not = token.kind == NAME and token.value.lower() == "not"
        if is_not or (token.kind == SIGN and token.value in ("!", "-", "+")):
            self._take()
            return tree.Unary(token.position, "!" if is_not else token.value, self._deeper(self._signed))
        return self._path()

    def _path(self) -> tree.Node:
        start = self._primary()
        parts: list[tree.Part] = []
        while part := self._part():
            parts.append(part)
        return tree.Path(start.position, start, tuple(parts)) if parts else start

    def _part(self) -> tree.Part | None:
        token = self._next
        if token.kind != SIGN:
            return None
        if self._if("["):
            return self._index(token.position)
        if token.value not in (".", "?."):
            return None
        self._take()
        is_safe = token.value == "?."
        if part := self._over_elements(token.position, is_safe):
            return part
        name = self._name()
        if self._is("("):
            return tree.Call(name.position, name.value, self._arguments(), is_safe)
        return tree.Property(name.position, name.value, is_safe)

    def _index(self, position: int) -> tree.Index:
        key = self._expression()
        self._expect("]")
        return tree.Index(position, key)

    def _over_elements(self, position: int, is_safe: bool) -> tree.Select | tree.Project | None:
        sign = self._next.value if self._next.kind == SIGN else ""
        if sign not in (*_SELECTIONS, "!["):
            return None
        self._take()
        inner = self._expression()
        self._expect("]")
        if sign == "![":
            return tree.Project(position, inner, is_safe)
        return tree.Select(position, sign[0], inner, is_safe)

    def _arguments(self) -> tuple[tree.Node, ...]:
        self._expect("(")
        return self._listed(")")

    def _listed(self, closing: str) -> tuple[tree.Node, ...]:
        items: list[tree.Node] = []
        if self._if(closing):
            return ()
        while True:
            items.append(self._expression())
            if self._if(closing):
                return tuple(items)
            self._expect(",")

    # what stands alone

    def _primary(self) -> tree.Node:
        token = self._next
        if token.kind in (NUMBER, TEXT):
            self._take()
            return tree.Literal(token.position, token.value)
        if token.kind == NAME:
            return self._named()
        if self._if("("):
            inner = self._expression()
            self._expect(")")
            return inner
        if self._if("{"):
            return self._collection(token.position)
        if self._if("#"):
            return self._hash(token.position)
        this = tree.Variable(token.position, "this")
        if self._if("["):
            return tree.Path(token.position, this, (self._index(token.position),))
        if part := self._over_elements(token.position, is_safe=False):
            return tree.Path(token.position, this, (part,))
        raise self._unexpected()

    def _named(self) -> tree.Node:
        token = self._take()
        word = token.value.lower()
        if word in _CONSTANTS:
            return tree.Literal(token.position, _CONSTANTS[word])
        if token.value == "T" and self._if("("):
            name = self._dotted()
            self._expect(")")
            return tree.Type(token.position, name)
        if token.value == "new" and self._next.kind == NAME:
            return tree.New(token.position, self._dotted(), self._arguments())
        if self._is("("):
            return tree.Method(token.position, token.value, self._arguments())
        return tree.Name(token.position, token.value)

    def _dotted(self) -> str:
        name = str(self._name().value)
        while self._if("."):
            name += f".{self._name().value}"
        return name

    def _hash(self, position: int) -> tree.Node:
        name = self._name().value
        if self._is("("):
            return tree.Function(position, name, self._arguments())
        return tree.Variable(position, name)

    def _collection(self, position: int) -> tree.Node:
        """{} and {1, 2} are lists, {:} and {a: 1} maps."""
        if self._if("}"):
            return tree.ListOf(position, ())
        if self._if(":"):
            self._expect("}")
            return tree.MapOf(position, ())
        first = self._expression()
        if not self._if(":"):
            if self._if("}"):
                return tree.ListOf(position, (first,))
            self._expect(",")
            return tree.ListOf(position, (first, *self._listed("}")))
        items = [(self._key(first), self._expression())]
        while not self._if("}"):
            self._expect(",")
            key = self._expression()
            self._expect(":")
            items.append((self._key(key), self._expression()))
        return tree.MapOf(position, tuple(items))

    def _key(self, node: tree.Node) -> tree.Node:
        """A bare word is its own text."""
        return tree.Literal(node.position, node.name) if isinstance(node, tree.Name) else node
