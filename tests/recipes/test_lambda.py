"""AWS Lambda freezes the process the moment the handler returns; nothing may wait in it then."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.recipes.conftest import FLU

RUNTIME = """
import json, os, signal, sys
import lambda_handler
if "--no-flush" in sys.argv:
    lambda_handler.flush = lambda *_: True
for line in sys.stdin:
    print(lambda_handler.handler(json.loads(line), None)["code"], flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""
SLOW = {"OTEL_BSP_SCHEDULE_DELAY": "60000", "OTEL_METRIC_EXPORT_INTERVAL": "60000"}


@pytest.fixture
def invoke(start, eventually):
    """Return a function that runs one invocation and returns when the process is frozen."""
    running = []

    def run(*words):
        if not running:
            running.append(start("-c", RUNTIME, *words, **SLOW))
        process = running[0]
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write(json.dumps(FLU) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "J10.1\n", process.log()
        eventually(lambda: frozen(process.pid))

    yield run
    for process in running:
        process.kill()


def frozen(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to see a process stopped")
def test_everything_has_left_when_the_process_is_frozen(invoke, sound):
    invoke()
    sound(1)
    invoke()
    sound(2)


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc to see a process stopped")
def test_without_the_flush_it_stays_in_the_frozen_process(invoke, receiver):
    """Negative control."""
    invoke("--no-flush")
    assert receiver.bodies == []
