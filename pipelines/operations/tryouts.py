"""Try an expression on an execution: whoever may see the execution may ask, so many times a minute."""

from __future__ import annotations

import threading
import time
from collections import deque

from clusters.trust.permissions import Actor
from pipelines.core.definition import Problem
from pipelines.core.expressions import Evaluation, evaluate
from pipelines.core.expressions.limits import MOST_EXPRESSION
from pipelines.engine.admit import engine_now
from pipelines.models import Execution
from pipelines.operations.errors import InvalidInput, TooOften
from pipelines.queries import tryout, visible

#: Tries of one person in this process, in so many seconds.
MOST, SECONDS = 60, 60.0
#: People remembered; beyond, the one who asked first is forgotten.
_MOST_PEOPLE = 1000

_lock = threading.Lock()
_tries: dict[object, deque[float]] = {}


def try_expression(actor: Actor, execution: Execution, text: str, ref: str = "") -> Evaluation:
    """`text` holds its expressions in ${}; `ref` names the stage whose view it is, "" is after the last.

    Nothing is changed and secrets are masked. Raises InvalidInput, TooOften, Execution.DoesNotExist.
    """
    visible.executions(actor).only("pk").get(pk=execution.pk)
    _count(actor.user_id or actor.username)
    if len(text) > MOST_EXPRESSION:
        raise InvalidInput([Problem("expression", f"{MOST_EXPRESSION} characters are the most here.")])
    context = tryout.context(actor, execution, ref, engine_now())
    if context is None:
        raise InvalidInput([Problem("stage", f"There is no stage {ref[:60]} here.")])
    return evaluate(text, context)


def _count(person: object) -> None:
    now = time.monotonic()
    with _lock:
        if person not in _tries and len(_tries) >= _MOST_PEOPLE:
            del _tries[next(iter(_tries))]
        recent = _tries.setdefault(person, deque(maxlen=MOST))
        if len(recent) == MOST and recent[0] > now - SECONDS:
            raise TooOften(f"{MOST} expressions a minute can be tried. Wait a little.")
        recent.append(now)
