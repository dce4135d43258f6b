"""The fuzz target: one_input(bytes) for whatever drives it, and a small driver of its own.

`python -m tests.pipelines.core.expressions.fuzz 60` mutates the cases for a minute and prints what broke. It fails on
an exception, on more than 50 ms of processor time, on a value that is no JSON, and on one that the evaluation changed.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator

from pipelines.core.expressions import door, evaluate, evaluate_bare, faults
from pipelines.core.expressions.limits import MOST_OUTPUT
from tests.pipelines.core.expressions.conftest import CASES, CONTEXTS, context

#: Seconds of this thread's processor time that one text may take.
MOST_SECONDS = 0.05
_CONTEXTS = [context(CONTEXTS[name]) for name in ("misc", "full", "spec")]
_BEFORE = json.dumps(CONTEXTS)


class Broken(AssertionError):
    """The evaluator did what it must not."""


def one_input(data: bytes) -> float:
    """Evaluates the text; seconds it took. The first byte picks context and strictness."""
    text = data[1:].decode(errors="ignore")
    chosen = data[0] if data else 0
    seen = _CONTEXTS[chosen % 3]
    begun = time.thread_time()
    found = evaluate(text, seen, is_strict=bool(chosen & 4))
    took = time.thread_time() - begun
    if took > MOST_SECONDS:  # once more: the first time may have loaded something
        door._parsed.cache_clear()
        begun = time.thread_time()
        evaluate(text, seen, is_strict=bool(chosen & 4))
        took = min(took, time.thread_time() - begun)
    if took > MOST_SECONDS:
        raise Broken(f"{took * 1000:.0f} ms: {text!r}")
    if len(json.dumps(found.value, allow_nan=False, ensure_ascii=False)) > 8 * MOST_OUTPUT + len(text) * 2:
        raise Broken(f"too long: {text!r}")
    if any("fault of this program" in message.text for message in found.messages):
        raise Broken(f"broke: {text!r}")
    if found.messages and not all(str(message) for message in found.messages):
        raise Broken(f"says nothing: {text!r}")
    faults(text)
    evaluate_bare(text, seen)
    return took


def unchanged() -> bool:
    """The contexts are as they were."""
    return json.dumps(CONTEXTS) == _BEFORE


def mutations(seed: int) -> Iterator[bytes]:
    """The texts of the cases, cut, doubled and crossed."""
    chance = random.Random(seed)
    corpus = [case["text"] for case in CASES]
    while True:
        text = chance.choice(corpus)
        for _ in range(chance.randint(1, 4)):
            place, other = chance.randrange(len(text) + 1), chance.choice(corpus)
            end = min(len(text), place + chance.randint(0, 8))
            piece = other[(start := chance.randrange(len(other) + 1)) : start + chance.randint(0, 12)]
            text = chance.choice(
                [text[:place] + piece + text[place:], text[:place] + text[end:], text * 2, piece + text]
            )
        if len(text) < 3000:
            corpus[chance.randrange(len(corpus))] = text
            yield bytes([chance.randrange(256)]) + text.encode()


def main(seconds: float) -> None:
    seed, until, count, slowest = random.randrange(2**32), time.monotonic() + seconds, 0, 0.0
    for data in mutations(seed):
        slowest = max(slowest, one_input(data))
        count += 1
        if time.monotonic() > until:
            break
    assert unchanged()
    print(f"{count} texts, the slowest {slowest * 1000:.1f} ms, seed {seed}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60)
