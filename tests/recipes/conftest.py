"""What the tests of the recipes share: a receiver, and the recipes run as a user would run them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from otel_clinical.release import ReleasePointer, create_pointer
from tests._receivers import HttpReceiver

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "recipes"
CANARY = "MRN-0012345"
FLU = {"payer": "medicaid", "note": f"flu, {CANARY}"}


@pytest.fixture
def receiver():
    found = HttpReceiver()
    yield found
    found.close()


@pytest.fixture
def pointer(tmp_path):
    """Return the release pointer of an activated version 7."""
    path = tmp_path / "coding.json"
    create_pointer(path, ReleasePointer(model="coding", version="7", activation=1, epoch=1))
    return path


@pytest.fixture
def environment(receiver, pointer, tmp_path):
    """Return the environment of a service: nothing of this machine's telemetry, our receiver, a version that serves."""
    paths = [str(tmp_path), str(RECIPES), str(ROOT)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHONPATH"))}
    return {
        **plain,
        "PYTHONPATH": os.pathsep.join(paths),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "CODING_POINTER": str(pointer),
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def start(environment, tmp_path):
    """Return a function that starts a program; what still runs at the end is ended."""
    started = []

    def run(*words, **more):
        environment_ = {**environment, **more}
        with (tmp_path / "log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, *words],
                cwd=RECIPES,
                env=environment_,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        started.append(process)
        process.log = (tmp_path / "log").read_text
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def eventually():
    """Return a function that waits until a condition holds."""

    def wait(condition, seconds=40.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "the condition never held"
            threading.Event().wait(0.02)
        return found

    return wait


@pytest.fixture
def sound(receiver):
    """Return a function that proves that inferences arrived, each once, with nothing of the patient."""

    def prove(inferences):
        spans = [span for _, span, _ in receiver.spans() if span.name == "predict coding"]
        assert len(spans) == inferences
        assert receiver.total("clinical_ai.inferences") == inferences
        bodies = receiver.bodies
        assert any(b"medicaid" in body for body in bodies)
        assert all(CANARY.encode() not in body for body in bodies)

    return prove
