"""Describe our own processes: drift processor, rollback controller and the simulated services."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import otel_clinical
from otel_clinical.simulate._process import ManagedProcess
from otel_clinical.simulate.population import SITES

if TYPE_CHECKING:
    from otel_clinical.simulate._layout import Layout
    from otel_clinical.simulate._policy import Load

# The children import the same copy of the package as their parent, installed or not.
ENVIRONMENT = {"PYTHONPATH": str(Path(otel_clinical.__file__).parents[1])}


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of a stack."""

    prometheus: int
    alertmanager: int
    controller: int
    processor_http: int
    processor_grpc: int
    processor_metrics: int
    services: tuple[int, ...]


def processor(layout: Layout, ports: Ports) -> ManagedProcess:
    """Return the drift processor."""
    arguments = [
        "processor", "run",
        "--policy", str(layout.policy),
        "--state", str(layout.folder / "processor"),
        "--http", f"127.0.0.1:{ports.processor_http}",
        "--grpc", f"127.0.0.1:{ports.processor_grpc}",
        "--metrics", f"127.0.0.1:{ports.processor_metrics}",
        "--token-file", str(layout.processor_token),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{ports.processor_http}"
    return _ours("processor", command_line(*arguments), layout, f"{url}/readyz", url)


def controller(layout: Layout, ports: Ports) -> ManagedProcess:
    """Return the rollback controller."""
    arguments = [
        "rollback", "serve",
        "--policy", str(layout.policy),
        "--state", str(layout.controller),
        "--listen", f"127.0.0.1:{ports.controller}",
        "--token-file", str(layout.controller_token),
        "--prometheus", f"http://127.0.0.1:{ports.prometheus}",
        "--pull", "2", "--retry", "1", "--watch", "1",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{ports.controller}"
    return _ours("controller", command_line(*arguments), layout, f"{url}/readyz", url)


@dataclass(frozen=True, slots=True)
class Practices:
    """The services of a stack: how much they do, what seeds them, and how many share the hospitals."""

    load: Load
    seed: int
    count: int

    def sites(self, number: int) -> tuple[str, ...]:
        """Return the hospitals of one service."""
        return tuple(SITES)[number :: self.count]


def service(layout: Layout, ports: Ports, practices: Practices, number: int) -> ManagedProcess:
    """Return the coding service of some hospitals; ``number`` counts the services from 0."""
    load = practices.load
    arguments = [
        "--name", f"coding-{number + 1}",
        "--sites", ",".join(practices.sites(number)),
        "--policy", str(layout.policy),
        "--world", str(layout.world),
        "--pointer", str(layout.pointer),
        "--processor", f"http://127.0.0.1:{ports.processor_http}",
        "--token-file", str(layout.processor_token),
        "--receipt-keys", str(layout.receipt_keys),
        "--port", str(ports.services[number]),
        "--rate", f"{load.rate / practices.count:g}",
        "--maturity", f"{load.maturity:g}",
        "--labelled", f"{load.labelled:g}",
        "--seed", f"{practices.seed}-{number}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{ports.services[number]}"
    command = [sys.executable, "-m", "otel_clinical.simulate.service", *arguments]
    return _ours(f"service-{number + 1}", command, layout, f"{url}/metrics", url)


def command_line(*arguments: str) -> list[str]:
    """Return the command ``otel-clinical ARGUMENTS`` of this copy of the package."""
    return [sys.executable, "-m", "otel_clinical.cli", *arguments]


def _ours(name: str, command: list[str], layout: Layout, ready: str, url: str) -> ManagedProcess:
    return ManagedProcess(name, command, layout.folder / "logs" / f"{name}.log", ready, url, ENVIRONMENT)
