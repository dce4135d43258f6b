"""Expressions in pipelines, ${…}: the language of Spinnaker's, by an evaluator of our own that reaches nothing else.

door.py       evaluate(): a text or JSON value and a context in, the value and messages out
template.py   where in a text expressions stand
tokens.py, tree.py, parser.py       text to tree
evaluator.py  tree to value
values.py, methods.py, patterns.py  what values are and can do
classes.py, dates.py                T(…) and new …
functions.py, yaml_values.py        #name(…)
limits.py     what an expression may use up
errors.py     why one has no value
"""

from pipelines.core.expressions.door import (
    Evaluation,
    Message,
    bare_faults,
    evaluate,
    evaluate_bare,
    faults,
    has_expression,
)
from pipelines.core.expressions.functions import Context, Directory

__all__ = [
    "Context",
    "Directory",
    "Evaluation",
    "Message",
    "bare_faults",
    "evaluate",
    "evaluate_bare",
    "faults",
    "has_expression",
]
