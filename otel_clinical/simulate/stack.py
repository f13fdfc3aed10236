"""Find, start and stop the real programs that the demonstration and the tests run on."""

from __future__ import annotations

from otel_clinical.simulate._binaries import BinaryNotFoundError, binary
from otel_clinical.simulate._policy import Load, write_policy
from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._process import ManagedProcess, ProcessError, stop_all
from otel_clinical.simulate._servers import alertmanager_server, prometheus_server
from otel_clinical.simulate._stack import Stack
from otel_clinical.simulate._waiting import DeadlineError, wait_until

__all__ = [
    "BinaryNotFoundError",
    "DeadlineError",
    "Load",
    "ManagedProcess",
    "ProcessError",
    "Stack",
    "alertmanager_server",
    "binary",
    "free_ports",
    "prometheus_server",
    "stop_all",
    "wait_until",
    "write_policy",
]
