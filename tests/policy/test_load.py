"""A valid policy becomes frozen values: seconds, ratios, absolute paths, a hash of its content."""

import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from otel_clinical.policy import Budget, PolicyErrors, json_schema, load_policy, parse_policy
from otel_clinical.semconv.enums import EscalationLevel, RoutingLevel, SegmentName, UseCase

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOOD = (HERE / "good.yaml").read_text(encoding="utf-8")


def test_the_shipped_example_is_fit_for_use():
    policy = load_policy(ROOT / "examples" / "policy.yaml")
    assert len(policy.models["coding"].segments[SegmentName.SITE]) == 12


def test_quantities_become_seconds_and_ratios():
    model = parse_policy(GOOD, baselines=False).models["coding"]
    tier = model.tiers[EscalationLevel.ROLLBACK]
    assert (tier.drop, tier.guard, tier.minimum_labels) == (0.15, 0.05, 100)
    assert tier.false_alarms == Budget(1, 315576000.0)
    assert tier.false_alarms.years == pytest.approx(10)
    assert model.labels.maturity == 30 * 86400
    assert model.hold.for_ == 0
    assert model.use_case is UseCase.REVENUE_CYCLE
    assert model.input_quality.on_breach is RoutingLevel.ASSISTED


def test_relative_paths_are_anchored_at_the_policy_and_absolute_ones_kept():
    policy = parse_policy(GOOD, "/etc/clinical/policy.yaml", baselines=False)
    assert policy.models["coding"].baseline.file == Path("/etc/clinical/baseline.json")
    assert policy.models["coding"].rollback.target.path == Path("/etc/clinical/coding.json")
    moved = parse_policy(GOOD.replace("path: coding.json", "path: /var/lib/c.json"), "/etc/p.yaml", baselines=False)
    assert moved.models["coding"].rollback.target.path == Path("/var/lib/c.json")


def test_sections_left_out_get_their_documented_defaults():
    short = "\n".join(
        line
        for line in GOOD.splitlines()
        if not line.strip().startswith(("hold:", "confidence:", "input_quality:", "overrides:", "silence:", "metric:"))
    )
    model = parse_policy(short, baselines=False).models["coding"]
    assert model.metric.name == "accuracy"
    assert model.input_quality.minimum == 0.7
    assert model.silence.outcomes == 86400


def test_the_hash_is_of_the_content_not_of_its_form_or_place():
    base = parse_policy(GOOD, "/a/policy.yaml", baselines=False).hash
    reformatted = GOOD.replace("drop: 5%", "drop: 0.05").replace("maturity: 30d", "maturity: 720h") + "\n# a comment\n"
    assert parse_policy(reformatted, "/b/other.yaml", baselines=False).hash == base
    assert parse_policy(GOOD.replace("drop: 5%", "drop: 6%"), baselines=False).hash != base
    assert base.startswith("sha256:")


def test_nothing_can_be_changed_after_loading():
    policy = parse_policy(GOOD, baselines=False)
    with pytest.raises(ValidationError):
        policy.models["coding"].owner = "someone-else"


def test_anchors_merges_and_extension_keys_serve_the_author():
    text = GOOD.replace("fleet:", "x-tier: &tier {minimum_labels: 100, guard: 1%}\nfleet:").replace(
        "{drop: 5%, guard: 1%, minimum_labels: 200, false_alarms: 1 per 3mo}",
        "{<<: *tier, drop: 5%, minimum_labels: 200, false_alarms: 1 per 3mo}",
    )
    tier = parse_policy(text, baselines=False).models["coding"].tiers[EscalationLevel.ENGINEERING_REVIEW]
    assert (tier.guard, tier.minimum_labels) == (0.01, 200)


def test_a_mistake_in_a_merged_value_points_at_the_anchor():
    text = GOOD.replace("fleet:", "x-tier: &tier {guard: 100}\nfleet:").replace(
        "{drop: 5%, guard: 1%,", "{<<: *tier, drop: 5%,"
    )
    with pytest.raises(PolicyErrors) as caught:
        parse_policy(text, "p.yaml", baselines=False)
    assert [(p.line, p.key) for p in caught.value.problems] == [(2, "models.coding.tiers.engineering_review.guard")]


def test_a_byte_order_mark_is_no_obstacle(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_policy(file, baselines=False).path == file


def test_the_exported_schema_accepts_the_examples_and_refuses_an_unknown_key():
    jsonschema = pytest.importorskip("jsonschema")

    validator = jsonschema.Draft202012Validator(json_schema())
    validator.check_schema(json_schema())
    data = yaml.safe_load(GOOD)
    assert list(validator.iter_errors(data)) == []
    data["models"]["coding"]["threshold"] = "5%"
    data["models"]["coding"]["tiers"]["rollback"]["drop"] = 15
    assert len(list(validator.iter_errors(data))) == 2


def test_the_committed_schema_is_the_exported_one():
    committed = (ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8")
    assert json.loads(committed) == json.loads(json.dumps(json_schema()))


def test_the_page_lists_every_use_case_and_segment_name():
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    lists = page.split("are closed lists")[1].split("**`tiers`**")[0]
    assert [word for word in (*UseCase, *SegmentName) if f"`{word}`" not in lists] == []
