"""Run the canary service in a process of its own, against a receiver of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests._receivers import GrpcReceiver, HttpReceiver
from tests.phi._marker import marker

ROOT = Path(__file__).parents[2]
FOLDER = marker("folder")


class Run:
    """One run of the service.

    Attributes:
        receiver: Everything that was exported.
        folder: What the service wrote.
        terminal: What it printed.
    """

    def __init__(
        self, folder: Path, protocol: str, *, compression: str = "", metrics: str = "otlp", plain: bool = False
    ) -> None:
        self.receiver = GrpcReceiver() if protocol == "grpc" else HttpReceiver()
        self.folder = folder / FOLDER
        self.folder.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "HOSPITAL_PROTOCOL": protocol,
            "HOSPITAL_METRICS": metrics,
            "HOSPITAL_PLAIN": "1" if plain else "",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url,
            **({"OTEL_EXPORTER_OTLP_COMPRESSION": compression} if compression else {}),
            "OTEL_METRICS_EXEMPLAR_FILTER": "always_on",
            "OTEL_RESOURCE_ATTRIBUTES": f"patient={marker('resource')},host.name={marker('host')}",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": ".*",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup,database/dup",
        }
        command = [sys.executable, "-m", "tests.phi._hospital", str(self.folder), "--patient", marker("argument")]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False)
        self.receiver.close()
        assert done.returncode == 0, done.stderr.decode()[-4000:]
        self.terminal = {"stdout": done.stdout, "stderr": done.stderr}

    def file(self, name: str) -> bytes:
        """Return what the service wrote to a file."""
        return (self.folder / name).read_bytes()

    @property
    def signals(self) -> set[str]:
        """Return the signals that arrived."""
        return {request.signal for request in self.receiver.requests}
