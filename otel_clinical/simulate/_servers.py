"""Describe the two servers that are not ours: Prometheus and Alertmanager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.simulate._binaries import binary, working_directory
from otel_clinical.simulate._process import ManagedProcess

if TYPE_CHECKING:
    from pathlib import Path


def prometheus_server(folder: Path, config: Path, port: int) -> ManagedProcess:
    """Return a Prometheus that keeps data and log below ``folder``; the caller starts and stops it."""
    url = f"http://127.0.0.1:{port}"
    command = [
        str(binary("prometheus")),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        # An alert that fires before the Alertmanager is discovered is dropped, and by default sent again after 1 min.
        "--rules.alert.resend-delay=2s",
        "--log.level=warn",
    ]
    return ManagedProcess("prometheus", command, folder / "logs" / "prometheus.log", f"{url}/-/ready", url)


def alertmanager_server(folder: Path, config: Path, port: int) -> ManagedProcess:
    """Return an Alertmanager without peers, data and log below ``folder``; the caller starts and stops it."""
    program = binary("alertmanager")
    url = f"http://127.0.0.1:{port}"
    command = [
        str(program),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    return ManagedProcess(
        "alertmanager",
        command,
        folder / "logs" / "alertmanager.log",
        ready_url=f"{url}/-/ready",
        url=url,
        folder=working_directory(program),
    )
