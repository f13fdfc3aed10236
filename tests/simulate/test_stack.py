"""Starting and ending the whole line."""

from __future__ import annotations

import signal
import socket
from dataclasses import replace

import pytest

from otel_clinical.simulate import _stack
from otel_clinical.simulate._policy import Load, write_policy
from otel_clinical.simulate._stack import Stack
from otel_clinical.simulate.stack import ProcessError

pytestmark = pytest.mark.stack


@pytest.fixture
def policy(tmp_path):
    return write_policy(tmp_path, Load(), seed=1)


def test_an_exception_leaves_no_process(tmp_path, policy, alive):
    pids = []

    def fail():
        with Stack(tmp_path, policy, services=1) as stack:
            pids.extend(process.pid for process in stack.processes)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(pids) == 5
    assert not any(map(alive, pids))


def test_a_port_that_another_program_took_in_between_is_replaced(tmp_path, policy, monkeypatch):
    drawn = []
    draw = _stack._draw_ports
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        def clash(services):
            drawn.append(draw(services))
            return replace(drawn[-1], alertmanager=taken) if len(drawn) == 1 else drawn[-1]

        monkeypatch.setattr(_stack, "_draw_ports", clash)
        with Stack(tmp_path, policy, services=0) as stack:
            assert len(drawn) == 2
            assert stack.alertmanager.running


def test_a_process_that_cannot_start_is_reported_with_its_log_and_the_others_end(tmp_path, policy, alive):
    (tmp_path / "processor").write_text("a file where the state directory should be")
    stack = Stack(tmp_path, policy, services=0)
    with pytest.raises(ProcessError, match=r"(?s)processor ended with code .*processor\.log"):
        stack.__enter__()
    assert not any(alive(process.pid) for process in stack.processes)


def test_the_handler_of_sigterm_is_put_back(tmp_path, policy):
    before = signal.getsignal(signal.SIGTERM)
    with Stack(tmp_path, policy, services=0):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_secrets_can_be_read_by_their_owner_only(tmp_path, policy):
    stack = Stack(tmp_path, policy, services=0)
    stack.layout.write_secrets()
    for path in (stack.layout.controller_token, stack.layout.processor_token, stack.layout.receipt_keys):
        assert path.stat().st_mode & 0o077 == 0
        assert len(path.read_text()) == 64
