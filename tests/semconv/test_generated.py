"""What is generated is committed, light to import, and says what the design says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otel_clinical import semconv
from otel_clinical.generate.semconv import render
from otel_clinical.semconv import allowlist, attributes, enums, events, metrics, spans

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted(render()))
def test_committed_files_are_what_the_generator_writes(path):
    assert (ROOT / path).read_text(encoding="utf-8") == render()[path], "run: otel-clinical generate semconv"


def test_importing_names_needs_neither_yaml_nor_the_sdk():
    code = (
        "import sys, otel_clinical.semconv\n"
        "heavy = {'yaml', 'opentelemetry', 'numpy', 'pydantic', 'click'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_constants_are_the_keys_without_the_namespace():
    assert attributes.MODEL_NAME == "clinical_ai.model.name"
    assert attributes.SEGMENT_PAYER == "clinical_ai.segment.payer"
    assert attributes.ERROR_TYPE == "error.type"
    assert events.OUTCOME == "clinical_ai.outcome"
    assert spans.INFERENCE == "clinical_ai.inference"


def test_enums_are_strings_of_the_wire():
    assert enums.ReviewAction.ACCEPTED == "accepted"
    assert enums.UseCase.OTHER == "_OTHER"


def test_the_aggregate_is_a_segment_value_on_the_wire_but_no_segment():
    assert "all" not in set(enums.SegmentName)
    rule = allowlist.ATTRIBUTES[attributes.SEGMENT_NAME]
    assert rule.enum == {*enums.SegmentName, semconv.AGGREGATE}


def test_every_segment_has_its_attribute():
    assert {semconv.segment_attribute(name) for name in enums.SegmentName} <= set(allowlist.ATTRIBUTES)


def test_an_unknown_segment_is_refused_with_the_allowed_ones():
    with pytest.raises(ValueError, match="unknown segment 'ward': use one of site, department"):
        semconv.segment_attribute("ward")


def test_every_metric_is_listed_once_under_its_constant():
    assert len({metric.name for metric in metrics.ALL}) == len(metrics.ALL)
    for metric in metrics.ALL:
        constant = metric.name.removeprefix("clinical_ai.").replace(".", "_").upper()
        assert getattr(metrics, constant) is metric


def test_signals_carry_only_attributes_of_the_allow_list():
    keys = {key for metric in metrics.ALL for key in metric.attributes}
    keys |= {key for event in events.DEFINITIONS.values() for key in event.attributes}
    keys |= {key for span in spans.DEFINITIONS.values() for key in span.attributes}
    assert keys <= set(allowlist.ATTRIBUTES)


def test_definitions_cannot_be_changed():
    with pytest.raises(TypeError):
        allowlist.ATTRIBUTES["x"] = allowlist.ATTRIBUTES[attributes.MODEL_NAME]  # type: ignore[index]
    with pytest.raises(AttributeError):
        metrics.OUTCOMES.name = "other"  # type: ignore[misc]


def test_the_telemetry_page_names_every_family_and_attribute():
    page = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
    missing = [metric.prometheus for metric in metrics.ALL if f"`{metric.prometheus}`" not in page]
    missing += [key for key in allowlist.ATTRIBUTES if f"`{key}`" not in page]
    assert missing == []
