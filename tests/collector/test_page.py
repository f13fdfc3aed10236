"""The page about the Collector, followed by the letter, brings up a line that takes a service's reports."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from otel_clinical.semconv import metrics
from otel_clinical.simulate._ports import free_ports
from otel_clinical.simulate._waiting import wait_until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "collector.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
LOCAL = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+|(?<=SELF_PORT=)\d+")
SERVICE = """
from otel_clinical import record_inference, record_outcome
from otel_clinical.sdk import configure

with configure("coding"):
    receipt = record_inference(model="coding", version="7", segments={"payer": "medicaid"}, duration=0.1)
    assert record_outcome(receipt, result="correct", source="coding_audit")
"""

pytestmark = pytest.mark.collector


class Shell:
    """Runs the commands of the page in a folder, with free ports in place of the page's."""

    def __init__(self, folder: Path, otelcol: Path) -> None:
        self.folder = folder
        found = sorted({port for block in BLOCKS for port in LOCAL.findall(block)})
        self.ports = dict(zip(found, map(str, free_ports(len(found))), strict=True))
        self.replaced = {"$(scripts/collector)": str(otelcol)}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "GOMEMLIMIT": "256MiB"}

    def command(self, block: str) -> str:
        """Return a block of the page as it is run here."""
        for text, other in self.replaced.items():
            block = block.replace(text, other)
        return LOCAL.sub(lambda port: self.ports[port[0]], block)

    def run(self, block: str) -> str:
        """Run commands to their end and return what they print."""
        done = subprocess.run(
            ["bash", "-e", "-c", self.command(block)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def shell(tmp_path: Path, otelcol: Path):
    for name in ("policy.yaml", "baseline.json"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    made = Shell(tmp_path, otelcol)
    made.run(BLOCKS[0])
    with (tmp_path / "line.log").open("wb") as log:
        line = subprocess.Popen(
            ["bash", "-e", "-c", made.command(BLOCKS[1]) + "\nwait"],
            cwd=tmp_path,
            env=made.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield made
    os.killpg(line.pid, signal.SIGTERM)
    line.wait(60)


def test_the_commands_of_the_page_bring_up_a_line_that_takes_reports(shell: Shell) -> None:
    agent, gateway = shell.ports["34318"], shell.ports["18889"]

    def healthy() -> bool:
        try:
            ports = (shell.ports["23133"], shell.ports["33133"])
            return all(urllib.request.urlopen(f"http://127.0.0.1:{p}/", timeout=1).close() is None for p in ports)
        except OSError:
            return False

    wait_until(healthy, within=60, what="the agent and the gateway to be healthy")
    service = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{agent}", "OTEL_CLINICAL_POLICY": "policy.yaml"}
    environment = shell.environment | service
    subprocess.run([sys.executable, "-c", SERVICE], cwd=shell.folder, env=environment, timeout=60, check=True)

    def arrived() -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway}/metrics", timeout=5) as page:
            return f"{metrics.INFERENCES.prometheus}{{" in page.read().decode()

    wait_until(arrived, within=60, what="the inference on the page of the gateway")
    wait_until(lambda: "inference" in status(shell), within=60, what="the inference in the processor")
    printed = shell.run(BLOCKS[2])
    assert "0 problems" in printed
    assert 'clinical_ai_model_version="7"' in printed


def status(shell: Shell) -> str:
    """Return what the last command of the page prints."""
    return shell.run(BLOCKS[2].splitlines()[-1])
