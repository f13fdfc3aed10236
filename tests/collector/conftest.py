"""Real agent and gateway processes, with real certificates, around a sink that keeps what the processor would get."""

from __future__ import annotations

import contextlib
import gzip
import os
import subprocess
import threading
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0
TOKEN = "agents-token"  # noqa: S105 - a token of this test only
PROCESSOR_TOKEN = "processor-token"  # noqa: S105 - a token of this test only


@pytest.fixture(scope="session")
def otelcol() -> Path:
    """Return the built Collector; without it skip with the command that builds it, except in CI."""
    found = subprocess.run([ROOT / "scripts" / "collector", "--path"], capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return Path(found.stdout.strip())
    if os.environ.get("CI"):
        built = subprocess.run([ROOT / "scripts" / "collector"], capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr[-4000:]
        return Path(built.stdout.strip())
    return pytest.skip(found.stderr.strip())


@dataclass
class Sink:
    """An OTLP/HTTP endpoint that records each request as it was received; `refuse` makes it answer 503."""

    url: str
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    refuse: bool = False


@pytest.fixture
def sink() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if recorder.refuse:
                self.send_response(503)
            else:
                recorder.requests.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: requests are what the test looks at."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder = Sink(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield recorder
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Pipeline:
    """Addresses and environments of one running agent and gateway."""

    agent_http: str
    metrics_url: str
    sink: Sink
    queue_dirs: tuple[Path, Path]
    processes: dict[str, subprocess.Popen[bytes]]
    start: Callable[[str], None]


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def environments(tmp_path: Path, sink: Sink) -> dict[str, dict[str, str]]:
    """Return the environment of the agent and of the gateway, with files and free ports for each."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "processor-token").write_text(PROCESSOR_TOKEN)
    names = ("grpc", "http", "gw_grpc", "gw_http", "metrics", "h1", "h2", "s1", "s2")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    base = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GOMEMLIMIT": "256MiB"}
    return {
        "agent": base
        | {
            "OTEL_CLINICAL_GATEWAY": f"127.0.0.1:{ports['gw_grpc']}",
            "OTEL_CLINICAL_CA_FILE": str(tmp_path / "ca.pem"),
            "OTEL_CLINICAL_TOKEN_FILE": str(tmp_path / "token"),
            "OTEL_CLINICAL_QUEUE_DIR": str(tmp_path / "agent-queue"),
            "OTEL_CLINICAL_AGENT_GRPC": f"127.0.0.1:{ports['grpc']}",
            "OTEL_CLINICAL_AGENT_HTTP": f"127.0.0.1:{ports['http']}",
            "OTEL_CLINICAL_HEALTH": f"127.0.0.1:{ports['h1']}",
            "OTEL_CLINICAL_SELF_PORT": str(ports["s1"]),
        },
        "gateway": base
        | {
            "OTEL_CLINICAL_CERT_FILE": str(tmp_path / "cert.pem"),
            "OTEL_CLINICAL_KEY_FILE": str(tmp_path / "key.pem"),
            "OTEL_CLINICAL_TOKEN_FILE": str(tmp_path / "token"),
            "OTEL_CLINICAL_PROCESSOR": sink.url,
            "OTEL_CLINICAL_PROCESSOR_TOKEN_FILE": str(tmp_path / "processor-token"),
            "OTEL_CLINICAL_QUEUE_DIR": str(tmp_path / "gateway-queue"),
            "OTEL_CLINICAL_GATEWAY_GRPC": f"127.0.0.1:{ports['gw_grpc']}",
            "OTEL_CLINICAL_GATEWAY_HTTP": f"127.0.0.1:{ports['gw_http']}",
            "OTEL_CLINICAL_METRICS": f"127.0.0.1:{ports['metrics']}",
            "OTEL_CLINICAL_HEALTH": f"127.0.0.1:{ports['h2']}",
            "OTEL_CLINICAL_SELF_PORT": str(ports["s2"]),
        },
    }


@pytest.fixture
def configs() -> Path:
    """Return the folder of the configurations to run: the shipped ones."""
    return ROOT / "collector_config"


@pytest.fixture
def pipeline(
    otelcol: Path, environments: dict[str, dict[str, str]], sink: Sink, tmp_path: Path, configs: Path
) -> Iterator[Pipeline]:
    """Run the agent and the gateway as real processes."""
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str) -> None:
        config = configs / f"{name}.yaml"
        with (tmp_path / f"{name}.log").open("ab") as log:
            processes[name] = subprocess.Popen(
                [otelcol, f"--config={config}"], env=environments[name], stdout=log, stderr=log
            )
        health = environments[name]["OTEL_CLINICAL_HEALTH"]
        wait_until(lambda: _healthy(health), within=DEADLINE_S, what=f"the {name} to be healthy")

    try:
        start("gateway")
        start("agent")
        yield Pipeline(
            agent_http=f"http://{environments['agent']['OTEL_CLINICAL_AGENT_HTTP']}",
            metrics_url=f"http://{environments['gateway']['OTEL_CLINICAL_METRICS']}/metrics",
            sink=sink,
            queue_dirs=(tmp_path / "agent-queue", tmp_path / "gateway-queue"),
            processes=processes,
            start=start,
        )
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
