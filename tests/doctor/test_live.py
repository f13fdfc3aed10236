"""The real drift processor is examined, as a receiver and through a Prometheus that scrapes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_clinical.doctor import Level, options_of
from otel_clinical.doctor._examine import receiver

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "examples" / "policy.yaml"
TOKEN = "a-token-of-this-test"  # noqa: S105 -- opens nothing


@pytest.fixture
def processor(tmp_path):
    """Run a drift processor that wants a token; return where it listens."""
    token = tmp_path / "token"
    token.write_text(TOKEN, encoding="utf-8")
    token.chmod(0o600)
    listen = [word for name in ("http", "grpc", "metrics") for word in (f"--{name}", "127.0.0.1:0")]
    words = ["-m", "otel_clinical.cli", "processor", "run", "--policy", str(POLICY), "--state", str(tmp_path / "state")]
    process = subprocess.Popen(
        [sys.executable, *words, *listen, "--token-file", str(token)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    line = process.stdout.readline()
    assert line, "the processor did not start"
    yield json.loads(line)
    process.terminate()
    process.communicate(timeout=30)


def problems(address, **options):
    found = receiver(options_of(endpoint=f"http://{address}", timeout=20.0, **options))
    return [finding.said for finding in found if finding.level is Level.PROBLEM]


@pytest.mark.stack
def test_the_drift_processor_takes_all_but_metrics(processor, monkeypatch):
    http, grpc = processor["http"], processor["grpc"]
    assert problems(http, token=TOKEN) == [f"http://{http}/v1/metrics does not take metrics (404)"]
    assert problems(grpc, token=TOKEN, protocol="grpc") == [f"http://{grpc} does not take metrics (UNIMPLEMENTED)"]
    assert f"http://{http}/v1/traces wants a token (401)" in problems(http, token="wrong")  # noqa: S106 -- opens nothing
    assert f"http://{grpc} wants a token (UNAUTHENTICATED)" in problems(grpc, protocol="grpc")
    monkeypatch.setenv("OTEL_CLINICAL_METRICS", "prometheus:9464")
    assert problems(http, token=TOKEN) == []
    assert problems(grpc, token=TOKEN, protocol="grpc") == []
