"""No lock of ours is held while somebody else's code runs, nor stays locked in a forked child.

Each program ends, or is ended by a watchdog that prints where every thread waits.
"""

from __future__ import annotations

import signal

import pytest

PROGRAM = """
import faulthandler, logging, os, signal, sys, threading
faulthandler.dump_traceback_later(30, exit=True)
from pathlib import Path
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otel_clinical import InputRefused, ModelRouter, QualityProfile, current_inference, inference, record_outcome
from otel_clinical.instrument import Telemetry, set_telemetry

reader = InMemoryMetricReader()
telemetry = Telemetry(meter_provider=MeterProvider([reader], shutdown_on_exit=False))
set_telemetry(telemetry)

@inference(model="inner", version="1")
def inner():
    return 1

def anywhere(*_):
    \"\"\"Do from another thread, and on this one, all that takes a lock.\"\"\"
    def work():
        inner()
        record_outcome("no receipt", result="correct")
        telemetry.say_once(f"sentence {threading.get_ident()}")
        telemetry.flush(10)
    other = threading.Thread(target=work)
    other.start()
    other.join()
    inner()
    record_outcome("no receipt", result="correct")
    return 0.5
"""

USER_CODE = {
    "extractor": """
@inference(model="coding", version="7", confidence=anywhere, segments={"payer": anywhere})
def predict():
    return 1
predict()
""",
    "on_refuse": """
profile = QualityProfile(required=("age",), refuse_below=0.9)
@inference(model="coding", version="7", quality=profile, on_refuse=anywhere)
def predict(record):
    return 1
assert predict({}) == 0.5
""",
    "router callables": """
router = ModelRouter("coding", pointer="nowhere.json", versions={"7": anywhere}, fallback=anywhere, refresh=0)
assert router() == 0.5
""",
    "log handler": """
class Handler(logging.Handler):
    def emit(self, record):  # logging holds its own lock here, so on this thread only
        router()
        record_outcome("no receipt", result="correct")
router = lambda: None
logging.getLogger("otel_clinical").addHandler(Handler())
class Again(ModelRouter):
    def _register(self, use_case):
        global router
        router = self
        super()._register(use_case)
Again("coding", pointer="nowhere.json", versions={"7": inner}, fallback=inner, refresh=0)
""",
    "re-entrant call in an extractor": """
@inference(model="coding", version="7", confidence=lambda _: inner() and 0.5)
def predict():
    return inner()
predict()
""",
    "signal handler": """
signal.signal(signal.SIGALRM, lambda *_: (inner(), record_outcome("no receipt", result="correct")))
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
for _ in range(20_000):
    inner()
    record_outcome("no receipt", result="correct")
signal.setitimer(signal.ITIMER_REAL, 0)
""",
}


@pytest.mark.parametrize("code", USER_CODE.values(), ids=USER_CODE)
def test_no_lock_is_held_while_anybody_elses_code_runs(run, code):
    run(PROGRAM + code + "assert telemetry.flush(20)\nprint('end')\n")


HELD = """
router = ModelRouter("coding", pointer="nowhere.json", versions={"7": inner}, fallback=inner, refresh=0)
held = [telemetry._lock, telemetry.worker._lock, telemetry._urgent._lock, router._lock]
ready, over = threading.Event(), threading.Event()

def hold():
    for lock in held:
        lock.acquire()
    ready.set()
    over.wait()

threading.Thread(target=hold, daemon=True).start()
ready.wait()
pid = os.fork()
if pid == 0:
    signal.alarm(10)
    inner()
    router()
    record_outcome("no receipt", result="correct")
    telemetry.flush_soon()
    os._exit(0 if telemetry.worker.flush(20) else 2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)  # the thread that holds the locks would keep the end waiting
"""


def test_a_child_forked_while_a_thread_holds_every_lock_goes_on(run):
    assert run(PROGRAM + HELD).stdout.strip() == "0"


def test_without_the_renewal_the_child_waits_for_ever(run):
    """The control: the alarm ends a child that waits for a lock which nobody can release."""
    off = "import otel_clinical.instrument._telemetry as t\nt.renew_in_child = lambda renew: None\n"
    off = PROGRAM.replace("reader = InMemory", off + "reader = InMemory", 1)
    assert run(off + HELD).stdout.strip() == str(-signal.SIGALRM)


def test_a_lock_held_across_user_code_is_found(run):
    """The control: with one held, the watchdog ends the program."""
    code = "faulthandler.dump_traceback_later(3, exit=True)\nwith telemetry._lock:\n    anywhere()\n"
    assert "most recent call first" in run(PROGRAM + code, status=1).stderr
