"""The shipped Collector configurations validate, and are what the generator renders."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from otel_clinical.generate import collector
from otel_clinical.policy import load_policy
from otel_clinical.semconv import allowlist

ROOT = Path(__file__).parents[2]
FILES = collector.render(load_policy(ROOT / "examples" / "policy.yaml"))


@pytest.mark.parametrize("path", sorted(FILES))
def test_committed_file_is_what_the_generator_renders_for_the_example_policy(path: str):
    assert (ROOT / path).read_text() == FILES[path]


@pytest.mark.parametrize("path", sorted(FILES))
def test_every_pipeline_redacts_before_it_exports(path: str):
    """No exporter has a queue that could hold what a processor has not yet removed."""
    config = yaml.safe_load(FILES[path])
    for signal, pipeline in config["service"]["pipelines"].items():
        order = pipeline["processors"]
        assert order[0] == "memory_limiter", signal
        assert "filter/scope" in order, signal
        assert order[-1].startswith("redaction/"), signal


@pytest.mark.parametrize("path", sorted(FILES))
def test_phi_processors_fail_closed(path: str):
    processors = yaml.safe_load(FILES[path])["processors"]
    assert processors["filter/scope"]["error_mode"] == "propagate"
    assert processors["transform/text"]["error_mode"] == "propagate"
    for name in ("redaction/records", "redaction/metrics"):
        assert processors[name]["allow_all_keys"] is False
        assert processors[name]["redact_all_types"] is True


@pytest.mark.parametrize("path", sorted(FILES))
def test_queues_are_on_disk_and_never_give_up(path: str):
    exporters = yaml.safe_load(FILES[path])["exporters"]
    for name, exporter in exporters.items():
        if name.startswith("otlp"):
            assert exporter["sending_queue"]["storage"] == "file_storage/queue"
            assert exporter["sending_queue"]["block_on_overflow"] is True
            assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_allowed_keys_are_the_registry_and_the_resource_list():
    processors = yaml.safe_load(FILES["collector_config/gateway.yaml"])["processors"]
    allowed = set(processors["redaction/records"]["allowed_keys"])
    assert allowed == {*allowlist.ATTRIBUTES, *collector.RESOURCE_KEYS, "otel.metric.overflow"}


@pytest.mark.collector
@pytest.mark.parametrize("name", ["agent", "gateway"])
def test_otelcol_validates_the_configuration(name: str, otelcol: Path, environments):
    found = subprocess.run(
        [otelcol, "validate", f"--config={ROOT / 'collector_config' / f'{name}.yaml'}"],
        env=environments[name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.collector
def test_otelcol_refuses_a_broken_configuration(otelcol: Path, environments, tmp_path: Path):
    """Negative control: validation can fail."""
    broken = tmp_path / "broken.yaml"
    text = (ROOT / "collector_config" / "agent.yaml").read_text()
    broken.write_text(text.replace("allow_all_keys: false", "allow_everything: false"))
    found = subprocess.run(
        [otelcol, "validate", f"--config={broken}"],
        env=environments["agent"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert "allow_everything" in found.stderr
