"""Measure in processes of their own what this one has spoilt: no SDK, and the cost of an import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Final

PROCESSES: Final = 5

_WITHOUT_SDK: Final = """
import json, sys
sys.modules["opentelemetry.sdk"] = None  # not installed
from benchmarks._calls import full_call, plain_call
from benchmarks._timing import interleaved
from otel_clinical import default_telemetry

cases = {"full": full_call(default_telemetry()), "plain": plain_call(default_telemetry())}
print(json.dumps(interleaved(cases, rounds=3)))
"""

_IMPORT: Final = """
import json, sys, time
import opentelemetry.trace
started = time.process_time()
import otel_clinical
imported = time.process_time()
otel_clinical.inference
used = time.process_time()
loaded = {"numpy", "opentelemetry.sdk"} & set(sys.modules)
print(json.dumps({"import": 1e3 * (imported - started), "use": 1e3 * (used - started), "loaded": len(loaded)}))
"""


def without_sdk() -> dict[str, float]:
    """Return microseconds per call where no SDK is installed, of the least disturbed process."""
    return _least(_WITHOUT_SDK)


def imports() -> dict[str, float]:
    """Return milliseconds to import the package and to use its first name, above a bare `opentelemetry.trace`.

    `loaded` counts numpy and the SDK. Compiled files exist, as after an installation.
    """
    return _least(_IMPORT)


def _least(program: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as compiled:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHONDONT"))}
        environment["PYTHONPYCACHEPREFIX"] = compiled
        found = [_run(program, environment) for _ in range(1 + PROCESSES)][1:]  # the first one compiles
    return {name: min(one[name] for one in found) for name in found[0]}


def _run(program: str, environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603 -- programs above
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
