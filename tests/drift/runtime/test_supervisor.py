"""systemd learns when the processor is ready, alive and stopping, and nobody else is told anything."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from otel_clinical.drift.runtime._supervisor import Supervisor
from tests.drift.runtime._harness import ROOT, running

UNITS = sorted((ROOT / "examples" / "systemd").glob("*.service"))


@pytest.fixture
def listening(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(path)
        bound.settimeout(5)
        yield path, bound


def test_each_word_is_one_datagram(listening):
    path, bound = listening
    supervisor = Supervisor({"NOTIFY_SOCKET": path})
    supervisor.ready()
    supervisor.alive()
    supervisor.stopping()
    assert [bound.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_abstract_names_are_understood():
    name = f"otel-clinical-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name)
        bound.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": "@" + name}).ready()
        assert bound.recv(64) == b"READY=1"


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1234", "/nowhere/at/all"])
def test_a_socket_that_cannot_be_used_stops_nothing(name):
    Supervisor({"NOTIFY_SOCKET": name}).ready()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_asks_for_two_signs_of_life_in_its_time(environment, seconds):
    assert Supervisor({"NOTIFY_SOCKET": "/run/notify"} | environment).interval == seconds
    assert Supervisor(environment).interval is None


def test_a_processor_reports_ready_then_life_then_its_stop(tmp_path, policy_path, listening, monkeypatch):
    path, bound = listening
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    bound.settimeout(60)
    with running(tmp_path, policy_path) as processor:
        words = [bound.recv(64) for _ in range(3)]
        assert processor.stop() == 0
    deadline = time.monotonic() + 60
    while words[-1] != b"STOPPING=1" and time.monotonic() < deadline:
        words.append(bound.recv(64))
    assert words[0] == b"READY=1"
    assert words[-1] == b"STOPPING=1"
    assert set(words[1:-1]) == {b"WATCHDOG=1"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit_and_refuses_a_broken_one(tmp_path, unit):
    text = unit.read_text().replace("/opt/otel-clinical/bin/otel-clinical", sys.executable)
    assert _verify(tmp_path / "good.service", text) == ""
    assert "protect system" in _verify(
        tmp_path / "bad.service", text.replace("ProtectSystem=strict", "ProtectSystem=maybe")
    )


def _verify(path, text):
    path.write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "\n".join(line for line in found.stderr.splitlines() if path.name in line)
