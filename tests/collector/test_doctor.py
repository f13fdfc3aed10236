"""The doctor examines a real Collector: the agent that stands beside a service, and the gateway behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otel_clinical.doctor import Level, options_of
from otel_clinical.doctor._examine import receiver

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Pipeline

pytestmark = pytest.mark.collector


def found(endpoint: str, **options: object) -> list[str]:
    """Return what is wrong with a receiver, as the doctor says it."""
    findings = receiver(options_of(endpoint=endpoint, timeout=20.0, **options))
    return [finding.said for finding in findings if finding.level is not Level.OK]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, environments: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """Let no variable of this machine decide; the certificate of the gateway is signed by our own authority."""
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_CLINICAL_METRICS", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        monkeypatch.delenv(name, raising=False)
    assert environments
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "ca.pem"))


def test_the_agent_takes_all_signals_over_both_protocols(
    pipeline: Pipeline, environments: dict[str, dict[str, str]]
) -> None:
    assert found(pipeline.agent_http) == []
    assert found(f"http://{environments['agent']['OTEL_CLINICAL_AGENT_GRPC']}", protocol="grpc") == []


def test_the_gateway_wants_tls_and_a_token(pipeline: Pipeline, environments: dict[str, dict[str, str]]) -> None:
    assert pipeline.processes
    http = environments["gateway"]["OTEL_CLINICAL_GATEWAY_HTTP"]
    grpc = environments["gateway"]["OTEL_CLINICAL_GATEWAY_GRPC"]
    token = "agents-token"  # noqa: S105 - a token of this test only
    assert found(f"https://{http}", token=token) == []
    assert found(f"https://{grpc}", token=token, protocol="grpc") == []
    assert any("wants a token" in said for said in found(f"https://{http}"))
    assert any("wants a token" in said for said in found(f"https://{grpc}", protocol="grpc"))
    assert found(f"http://{http}", token=token)


def test_a_stopped_agent_is_told_from_a_running_one(pipeline: Pipeline) -> None:
    pipeline.processes["agent"].terminate()
    pipeline.processes["agent"].wait(20)
    assert found(pipeline.agent_http) == [f"{pipeline.agent_http} refuses the connection"]
