"""What the tests of processes share: a receiver that speaks OTLP, and programs run to their end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests._receivers import GrpcReceiver, HttpReceiver

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0


@pytest.fixture
def receiver():
    found = HttpReceiver()
    yield found
    found.close()


@pytest.fixture
def grpc_receiver():
    found = GrpcReceiver()
    yield found
    found.close()


@pytest.fixture
def black_hole():
    """Return the port of a socket that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def refused():
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


@pytest.fixture
def run(tmp_path, plain_environment):
    """Return a function that runs a program to its end and returns the finished process."""

    def start(code, *arguments, status=0, **environment):
        program = tmp_path / "program.py"
        program.write_text(code)
        done = subprocess.run(
            [sys.executable, program, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * DEADLINE,
            env=plain_environment | environment,
        )
        assert done.returncode == status, done.stderr
        return done

    return start


@pytest.fixture
def plain_environment():
    """Return the environment without any setting of OpenTelemetry, and with this checkout importable."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return found | {"PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1"}


@pytest.fixture
def eventually():
    """Return a function that waits until a condition holds."""

    def wait(condition, seconds=DEADLINE):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "the condition never held"
            threading.Event().wait(0.02)
        return found

    return wait
