"""From records to the words of the alert: the real kernel, its real page, and promtool with the real rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client import generate_latest

from otel_clinical.drift.kernel import Kernel
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime.exporter import Exposition, registry
from otel_clinical.generate import rules
from otel_clinical.generate._rules_promql import matchers
from otel_clinical.policy import Baseline, Policy, load_policy
from otel_clinical.semconv import attributes, metrics
from tests.drift.kernel import _features, _world
from tests.drift.kernel._features import AGE, CODE, FEATURES, PAYER, records
from tests.drift.kernel._world import START, batch, inference, make_baseline
from tests.drift.kernel.test_heartbeats import HOUR, MORE, event, weeks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SERVES = {attributes.MODEL_NAME: "coding", attributes.MODEL_VERSION: "7", attributes.DEPLOYMENT_STATE: "active"}
ACTIVE = metrics.DEPLOYMENT_STATUS.prometheus + matchers(SERVES)


@pytest.fixture
def alert_of(tmp_path: Path, promtool: Callable[..., tuple[int, str]], written: Callable[..., list[Path]]) -> Any:
    """Return a function that feeds records to a kernel and says how promtool tells of an alert."""

    def tell(name: str, found: list[Any], text: str, known: Baseline) -> str:
        (tmp_path / "policy.yaml").write_text(text)
        known.save(tmp_path / "baseline.json")
        policy = load_policy(tmp_path / "policy.yaml")
        kernel = Kernel(policy, {"coding": known})
        for part in found:
            kernel.apply(part)
            kernel.advance()
        series = [*page(kernel, policy), {"series": ACTIVE, "values": "1x9"}]
        asked = {"alertname": name, "eval_time": "2m", "exp_alerts": []}
        test = {"interval": "15s", "input_series": series, "alert_rule_test": [asked]}
        suite = {"rule_files": ["../clinical-ai-quality.yaml"], "tests": [test]}
        files = written(rules.render(policy), {"alert_rules/tests/one.yaml": yaml.safe_dump(suite)})
        _, output = promtool("test", "rules", files[-1])
        return output if "FAILED" in output else ""  # what was not expected is told in full

    return tell


def page(kernel: Kernel, policy: Policy) -> list[dict[str, str]]:
    """Return what a processor would show, as series that stay as they are."""
    shown = Exposition(KernelView.of(kernel), {}, 0, START, {})
    lines = generate_latest(registry(lambda: shown, policy)).decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return [{"series": name, "values": f"{value}x9"} for name, value in pairs]


def shifts(text: str) -> list[tuple[str, float]]:
    """Return the features that a summary names, with how far each moved in percent."""
    summary = re.search(r'summary="([^"]*)"', text)
    assert summary is not None, text
    return [(name, float(share)) for name, share in re.findall(r"(\w+) \(([\d.]+)%\)", summary[1])]


POLICY = _world._TEXT.format(**_world._DEFAULTS) + FEATURES
OLDER = (0.0, 0.0, *AGE[2:-1], AGE[-1] + AGE[0] + AGE[1], 0.0, 0.01)
OTHER_FORMAT = (CODE[0] * 0.2, CODE[1] + CODE[0] * 0.8, CODE[2], 0.0, 0.01)
UNREADABLE = (CODE[0] * 0.3, CODE[1], CODE[2], CODE[0] * 0.7, 0.01)
MISSING = (*(share * 0.6 for share in PAYER), 0.0, 0.4)


@pytest.mark.parametrize(
    ("moved", "first"),
    [
        ({"code": OTHER_FORMAT, "payer": MISSING, "age": OLDER}, ["code", "payer", "age"]),
        ({"code": UNREADABLE}, ["code"]),
        ({"payer": MISSING}, ["payer"]),
    ],
)
def test_the_alert_about_the_inputs_names_what_moved_most_and_how_far(alert_of, moved, first):
    text = alert_of("ClinicalAIInputDrift", [records(6000, **moved)], POLICY, _features.baseline())
    found = shifts(text)
    assert len(found) == 3
    assert [name for name, share in found if share > 5.0] == first
    assert found == sorted(found, key=lambda one: -one[1])


def test_inputs_like_the_baseline_raise_no_alert(alert_of):
    """Negative control."""
    assert alert_of("ClinicalAIInputDrift", [records(6000)], POLICY, _features.baseline()) == ""


@pytest.mark.parametrize("silent", ["medicaid", None])
def test_a_source_that_falls_silent_is_named_and_one_that_goes_on_is_not(alert_of, silent):
    text = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "30m"})) + MORE
    said = alert_of("ClinicalAIVolumeOff", [weeks(4, silent=silent)], text, make_baseline())
    assert ("volume down in payer medicaid" in said) is (silent is not None)
    assert "medicare" not in said


@pytest.mark.parametrize(("gap", "told"), [(24.0, True), (2000.0, False)])
def test_safety_events_that_come_fast_reach_their_alert(alert_of, gap, told):
    text = _world._TEXT.format(**(_world._DEFAULTS | {"slot": "30m"})) + MORE
    end = START + 12 * gap * HOUR
    found = [batch([event(n, START + n * gap * HOUR) for n in range(12)]), batch([inference(99, end)])]
    said = alert_of("ClinicalAISafetyEventsFrequent", found, text, make_baseline())
    assert ("safety events are reported more often than is tolerated" in said) is told
