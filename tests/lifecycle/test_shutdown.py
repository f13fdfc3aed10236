"""Nothing is said on stderr when decorated code still runs while the interpreter goes down."""

from __future__ import annotations

import pytest

PROGRAM = """
import asyncio, atexit, sys, threading, time
from otel_clinical import current_inference, flush, inference, record_safety_event
from otel_clinical.sdk import configure

@inference(model="coding", version="7", confidence="confidence")
def predict():
    return {"confidence": 0.5, "receipt": current_inference().receipt}

@inference(model="coding", version="7")
def stream():
    while True:
        yield predict()

@inference(model="coding", version="7")
async def astream():
    while True:
        yield predict()

handle = configure("coding-service", endpoint=sys.argv[1])
predict()
"""

ENDINGS = {
    "daemon threads": """
def work():
    while True:
        predict()
        time.sleep(0.001)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
""",
    "exit handlers": """
def last():
    record_safety_event(predict()["receipt"], severity="near_miss")
    flush(5)
atexit.register(last)
""",
    "finalizers": """
class Last:
    def __del__(self):
        predict()
sys.modules["kept"] = Last()
loop = Last()
loop.itself = loop
""",
    "generator finalizers": """
kept = stream()
next(kept)
sys.modules["kept"] = other = stream()
next(other)
""",
    "async generators left open": """
async def main():
    global kept
    kept = astream()
    await anext(kept)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_the_interpreter_ends_silently(run, receiver, ending):
    assert run(PROGRAM + ending, receiver.url).stderr == ""


def test_what_fails_while_the_interpreter_ends_is_seen(run, receiver):
    """The control: a finalizer that raises is on stderr."""
    loud = "class Loud:\n    def __del__(self):\n        raise ValueError('loud')\nsys.modules['kept'] = Loud()\n"
    assert "loud" in run(PROGRAM + loud, receiver.url).stderr
