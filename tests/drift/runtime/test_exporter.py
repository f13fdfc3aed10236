"""What Prometheus scrapes: every name from the registry, nothing about a handful of people."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from otel_clinical.cli._explanation import lines
from otel_clinical.drift.kernel import (
    AttributionRow,
    CalibrationRow,
    CoverageRow,
    DiscoveryRow,
    DriftRow,
    EstimateRow,
    EvidenceRow,
    FeatureRow,
    ReliabilityBin,
    SafetyRow,
    SuggestionRow,
    VolumeRow,
)
from otel_clinical.drift.kernel._attribution import Reason
from otel_clinical.drift.kernel._pairing import PairingRow
from otel_clinical.drift.runtime._detections import direction, directions
from otel_clinical.drift.runtime._tally import Tally
from otel_clinical.drift.runtime._view import KernelView
from otel_clinical.drift.runtime.explanation import explain
from otel_clinical.drift.runtime.exporter import Exposition, families, registry
from otel_clinical.semconv import metrics, prometheus_label
from otel_clinical.semconv.enums import (
    AttributionCause,
    AttributionReason,
    DriftDetector,
    EscalationLevel,
    EstimateValidity,
    InputAspect,
    ProcessorRejection,
    ReviewAction,
    ReviewAttention,
    ReviewHorizon,
)
from otel_clinical.semconv.small_cells import SMALL_CELL
from tests.drift.runtime._world import policy

TIERS = [level for level in EscalationLevel if level is not EscalationLevel.NONE]
ROW = EvidenceRow(
    model="coding",
    version="7",
    activation=3,
    segment="payer",
    value="medicaid",
    labels=500,
    samples=200,
    drop=0.2,
    performance=0.7,
    performance_samples=150,
    baseline=0.9,
    change_point=1_790_000_000.0,
    evidence=dict.fromkeys(TIERS, 3.5),
    current=dict.fromkeys(TIERS, 0.5),
    latched=dict.fromkeys(TIERS, True),
    updated=1_790_000_500.0,
    interval=(0.11, 0.31),
    amended=50,
    withdrawn=20.0,
)
DRIFT = DriftRow(
    model="coding",
    version="7",
    segment="all",
    value="all",
    signal="confidence",
    detector=DriftDetector.ADWIN,
    active=True,
    score=2.5,
    detections=1,
    detected=1_790_000_000.0,
)
SUGGESTIONS = SuggestionRow(
    model="coding",
    version="7",
    segment="payer",
    value="medicaid",
    horizon=ReviewHorizon.IMMEDIATE,
    actions=dict.fromkeys(ReviewAction, 0) | {ReviewAction.ACCEPTED: 40, ReviewAction.EDITED: 9},
    attention={ReviewAttention.BRIEF: 5, ReviewAttention.CONSIDERED: 30, ReviewAttention.UNKNOWN: 5},
)
CALIBRATION = CalibrationRow(
    model="coding",
    version="7",
    segment="all",
    value="all",
    labels=500,
    recent=400,
    bias=0.1,
    brier=0.2,
    error=0.12,
    overconfident=2.0,
    underconfident=0.0,
    bins=(ReliabilityBin(0.8, 0.9, 11, 0.85, 0.7), ReliabilityBin(0.9, 1.0, 10, 0.95, 0.8)),
)
ESTIMATE = EstimateRow("coding", "7", 0.8, 400, EstimateValidity.VALID)
REASONS = tuple(Reason(kind, "because") for kind in (AttributionReason.INPUT_FEATURE, AttributionReason.INPUT_FEATURE))
VERDICT = AttributionRow("coding", "7", ROW.segment, ROW.value, AttributionCause.INPUT, REASONS)
FOUND = DiscoveryRow("coding", "7", EscalationLevel.ROLLBACK, 2.5, ((ROW.segment, ROW.value),))
FEATURE = FeatureRow(
    model="coding",
    version="7",
    segment="all",
    value="all",
    feature="age",
    tested=True,
    evidence=dict.fromkeys(InputAspect, 0.5) | {InputAspect.MISSING: 3.0},
    moved=0.2,
    psi=0.15,
    shift=0.4,
    inferences=400,
    proved=1_790_000_100.0,
)
VOLUME = VolumeRow("coding", "source_system", "ehr-a", 30, 120.0, 5.0, 0.0)
KERNEL = KernelView(
    features=(FEATURE,),
    volumes=(VOLUME,),
    safety=(SafetyRow("coding", 9, 86_400.0, 2.0),),
    discoveries=(FOUND,),
    calibration=(CALIBRATION,),
    estimates=(ESTIMATE,),
    evidence=(ROW,),
    drift=(DRIFT,),
    coverage=(CoverageRow("coding", "7", 0.9, 100, 90, 90, 600.0, 3000.0),),
    suggestions=(SUGGESTIONS,),
    attributions=(VERDICT,),
    pairings=(
        PairingRow("coding", "6", "7", 400, better=False, no_better=True),
        PairingRow("coding", "6", "7", 90, better=True, no_better=False, segment="payer", value="medicaid"),
        PairingRow("coding", "5", "7", 400, better=True, no_better=False),
        PairingRow("coding", "4", "7", 10, better=True, no_better=False),
    ),
    activations={("coding", "7"): 3},
    waiting={("coding", "7"): 33},
    label_times={"coding": 1_790_000_500.0},
    newest=1_790_000_501.0,
    watermark=1_790_000_400.0,
)
Samples = dict[tuple[str, tuple[str, ...]], float]


def shown(kernel: KernelView = KERNEL, counters: dict[tuple[str, tuple[str, ...]], int] | None = None) -> Exposition:
    zeros = [(metrics.PROCESSOR_EVENTS.prometheus, ("inference",))]
    zeros += [(metrics.PROCESSOR_REJECTIONS.prometheus, (str(reason),)) for reason in ProcessorRejection]
    totals, hashes, ends = Tally(counters or {}, zeros).totals(), {"coding": "sha256:00"}, {"coding": 1_800_000_000.0}
    return Exposition(kernel, totals, 2, 1_790_000_000.0, hashes, ends=ends)


def scrape(exposition: Exposition) -> Samples:
    """Return the samples of a page, label values in the registry's order."""
    order = {metric.prometheus: [prometheus_label(key) for key in metric.attributes] for metric in metrics.ALL}
    page = generate_latest(registry(lambda: exposition, policy())).decode()
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return {(s.name, tuple(s.labels[label] for label in order[s.name])): s.value for s in samples}


def of(samples: Samples, metric: metrics.MetricDef) -> dict[tuple[str, ...], float]:
    return {labels: value for (name, labels), value in samples.items() if name == metric.prometheus}


def test_every_metric_of_the_processor_is_exposed_with_the_labels_of_the_registry():
    ours = {metric.prometheus for metric in metrics.ALL if metric.source == "processor"}
    assert {name for name, _ in scrape(shown())} == ours


def test_the_segments_that_are_named_worse_are_shown_by_tier():
    other = replace(ROW, value="medicare")
    samples = scrape(shown(replace(KERNEL, evidence=(ROW, other))))
    assert of(samples, metrics.DISCOVERY_EVIDENCE) == {("coding", "7", "rollback"): 2.5}
    assert of(samples, metrics.DISCOVERY_STATUS) == {
        ("coding", "7", "payer", "medicaid", "rollback"): 1.0,
        ("coding", "7", "payer", "medicare", "rollback"): 0.0,
    }


def test_explain_says_of_a_segment_at_which_tier_it_is_named():
    (found,) = explain(families(shown(), policy()), policy(), "payer=medicaid")
    assert found.delays == (600.0, 3000.0)
    assert "  delay        half of the outcomes within 10.0 minutes, nine in ten within 50.0 minutes" in lines(found)
    assert "  amended      10.0% of the counted outcomes; errors taken back +4.0% of them" in lines(found)
    assert any("has only lost by it" in line for line in lines(found))
    assert {tier.level for tier in found.tiers if tier.named} == {EscalationLevel.ROLLBACK}
    assert "rollback: among the segments named worse" in "\n".join(lines(found))


def test_explain_says_what_a_drop_is_put_down_to_and_why():
    (found,) = explain(families(shown(), policy()), policy(), "payer=medicaid")
    assert (found.causes, found.reasons) == (("input",), ("input_feature",))
    said = [line.strip() for line in lines(found)]
    where = said.index("put down to  input")
    assert said[where + 1] == "because an input feature moved at the same time"


def test_the_numbers_of_a_stream_are_those_of_the_kernel():
    samples = scrape(shown())
    stream = ("coding", "7", "payer", "medicaid")
    assert of(samples, metrics.EVIDENCE) == {(*stream, str(level)): 3.5 for level in TIERS}
    assert of(samples, metrics.EVIDENCE_SAMPLES) == {stream: 198}
    assert of(samples, metrics.DEGRADATION_RATIO) == {stream: 0.2}
    assert of(samples, metrics.DEGRADATION_LOWER_RATIO) == {stream: 0.11}
    assert of(samples, metrics.DEGRADATION_UPPER_RATIO) == {stream: 0.31}
    assert of(samples, metrics.CHANGE_POINT_TIME) == {stream: 1_790_000_000.0}
    assert of(samples, metrics.PERFORMANCE_RATIO) == {stream: 0.7}
    assert of(samples, metrics.PERFORMANCE_SAMPLES) == {stream: 143}
    assert of(samples, metrics.BASELINE_RATIO) == {stream: 0.9}
    assert of(samples, metrics.EVIDENCE_ACTIVATION) == {("coding", "7"): 3}
    assert of(samples, metrics.EVIDENCE_LABELS) == {stream: 495}
    assert of(samples, metrics.LABEL_WAITING) == {("coding", "7"): 33}
    assert of(samples, metrics.LABEL_AMENDED_RATIO) == {stream: 0.1}
    assert of(samples, metrics.LABEL_WITHDRAWN_RATIO) == {stream: 0.04}
    assert of(samples, metrics.PROCESSOR_JOURNAL_PENDING) == {(): 2}


def test_what_the_confidence_is_worth_is_shown_bin_by_bin():
    samples = scrape(shown())
    stream = ("coding", "7", "all", "all")
    assert of(samples, metrics.CALIBRATION_EVIDENCE) == {(*stream, "up"): 2.0, (*stream, "down"): 0.0}
    assert of(samples, metrics.CALIBRATION_BIAS_RATIO) == {stream: 0.1}
    assert of(samples, metrics.CALIBRATION_BIN_RATIO) == {("coding", "7", "80-90"): 0.7}, "ten outcomes are too few"
    assert of(samples, metrics.ESTIMATE_PERFORMANCE_RATIO) == {("coding", "7"): 0.8}
    states = of(samples, metrics.ESTIMATE_STATUS)
    assert {key[-1] for key, value in states.items() if value} == {"valid"}


def test_a_feature_shows_its_evidence_by_aspect_and_what_is_not_tested_shows_nothing():
    samples = scrape(shown())
    key = ("coding", "7", "all", "all", "age")
    assert of(samples, metrics.INPUT_FEATURE_EVIDENCE) == {
        (*key, "distribution"): 0.5,
        (*key, "missing"): 3.0,
        (*key, "unreadable"): 0.5,
    }
    assert of(samples, metrics.INPUT_FEATURE_SHIFT_RATIO) == {key: 0.2}
    assert of(samples, metrics.INPUT_FEATURE_PSI) == {key: 0.15}
    none = scrape(shown(replace(KERNEL, features=(replace(FEATURE, tested=False),))))
    assert of(none, metrics.INPUT_FEATURE_EVIDENCE) == {}
    before = scrape(shown(replace(KERNEL, features=(replace(FEATURE, inferences=0),))))
    assert of(before, metrics.INPUT_FEATURE_SHIFT_RATIO) == {}


def test_volume_and_safety_events_show_their_evidence_and_no_small_count():
    samples = scrape(shown())
    source = ("coding", "source_system", "ehr-a")
    assert of(samples, metrics.VOLUME_EVIDENCE) == {(*source, "down"): 5.0, (*source, "up"): 0.0}
    assert of(samples, metrics.VOLUME_RATIO) == {source: 0.25}
    assert of(samples, metrics.SAFETY_EVIDENCE) == {("coding",): 2.0}
    for few in (replace(VOLUME, count=SMALL_CELL - 1), replace(VOLUME, expected=10.0), replace(VOLUME, count=None)):
        assert of(scrape(shown(replace(KERNEL, volumes=(few,)))), metrics.VOLUME_RATIO) == {}


def test_an_explanation_names_the_features_that_moved_most_first():
    other = replace(FEATURE, feature="payer", moved=0.4, evidence=dict.fromkeys(InputAspect, 0.1))
    small = replace(FEATURE, feature="code", moved=0.0, inferences=0, evidence=dict.fromkeys(InputAspect, 0.0))
    kernel = replace(KERNEL, features=(small, FEATURE, other))
    (found,) = explain(families(shown(kernel), policy()), policy(), f"{ROW.segment}={ROW.value}")
    assert found.features == ()
    kernel = replace(kernel, evidence=(replace(ROW, segment="all", value="all"),))
    (found,) = explain(families(shown(kernel), policy()), policy(), "all")
    assert [one.name for one in found.features] == ["payer", "age", "code"]
    said = [line.strip() for line in lines(found) if line.strip().startswith("input")]
    assert said == [
        "input        payer: 40.0% lie elsewhere than in the baseline, PSI +0.15 beyond chance; evidence 0.1 of 1",
        "input        age: 20.0% lie elsewhere than in the baseline, PSI +0.15 beyond chance; PROVED (missing)",
        "input        code: too few inferences for a look",
    ]


class TestSmallCells:
    def test_so_do_calibration_and_estimate(self):
        few = (
            replace(CALIBRATION, labels=SMALL_CELL - 1, recent=SMALL_CELL - 1),
            replace(ESTIMATE, inferences=SMALL_CELL - 1),
        )
        samples = scrape(shown(replace(KERNEL, calibration=few[:1], estimates=few[1:])))
        assert set(of(samples, metrics.CALIBRATION_EVIDENCE).values()) == {0.0}
        assert of(samples, metrics.CALIBRATION_BIAS_RATIO) == {}
        assert of(samples, metrics.CALIBRATION_BIN_RATIO) == {}
        assert of(samples, metrics.ESTIMATE_PERFORMANCE_RATIO) == {}

    @pytest.mark.parametrize(("count", "visible"), [(SMALL_CELL - 1, 0), (SMALL_CELL, SMALL_CELL)])
    def test_so_do_the_numbers_of_counted_and_of_waiting_outcomes(self, count: int, visible: int):
        samples = scrape(
            shown(replace(KERNEL, evidence=(replace(ROW, labels=count),), waiting={("coding", "7"): count}))
        )
        assert list(of(samples, metrics.EVIDENCE_LABELS).values()) == [visible]
        assert list(of(samples, metrics.LABEL_WAITING).values()) == [visible]

    def test_ten_outcomes_show_nothing_and_eleven_do(self):
        few = replace(ROW, labels=SMALL_CELL - 1, samples=SMALL_CELL - 1, performance_samples=SMALL_CELL - 1)
        enough = replace(ROW, value="medicare", labels=SMALL_CELL, samples=SMALL_CELL, performance_samples=SMALL_CELL)
        samples = scrape(shown(replace(KERNEL, evidence=(few, enough))))
        hidden, visible = ("coding", "7", "payer", "medicaid"), ("coding", "7", "payer", "medicare")
        bounds = metrics.DEGRADATION_LOWER_RATIO, metrics.DEGRADATION_UPPER_RATIO
        for metric in (metrics.PERFORMANCE_RATIO, metrics.PERFORMANCE_SAMPLES, metrics.CHANGE_POINT_TIME, *bounds):
            assert set(of(samples, metric)) == {visible}
        for metric in (metrics.EVIDENCE_SAMPLES, metrics.DEGRADATION_RATIO):
            assert of(samples, metric)[hidden] == 0
            assert of(samples, metric)[visible] > 0
        for level in TIERS:
            assert of(samples, metrics.EVIDENCE)[*hidden, str(level)] == 0
            assert of(samples, metrics.EVIDENCE)[*visible, str(level)] == 3.5

    @pytest.mark.parametrize("count", [0, SMALL_CELL - 1])
    def test_a_handful_of_amended_outcomes_shows_nothing(self, count: int):
        few = [replace(ROW, amended=count, segment=segment, value=segment) for segment in ("all", "payer")]
        samples = scrape(shown(replace(KERNEL, evidence=tuple(few))))
        assert of(samples, metrics.LABEL_AMENDED_RATIO) == {("coding", "7", "all", "all"): 0.0}
        assert of(samples, metrics.LABEL_WITHDRAWN_RATIO) == {}

    def test_the_witness_of_ten_outcomes_shows_no_score_and_of_eleven_does(self):
        few = replace(ROW, labels=SMALL_CELL - 1)
        enough = replace(ROW, value="medicare", labels=SMALL_CELL)
        rows = [
            replace(DRIFT, segment="payer", value=row.value, signal="performance", small=row is few, active=True)
            for row in (few, enough)
        ]
        page = scrape(shown(replace(KERNEL, evidence=(few, enough), drift=tuple(rows))))
        assert sorted(of(page, metrics.DRIFT_STATUS).values()) == [0.0, 1.0]
        found = of(page, metrics.DRIFT_SCORE)
        assert {labels[3]: score for labels, score in found.items()} == {"medicaid": 0.0, "medicare": 2.5}

    def test_coverage_of_a_handful_of_inferences_is_not_shown(self):
        few = CoverageRow("coding", "7", 0.5, SMALL_CELL - 1, 5)
        assert of(scrape(shown(replace(KERNEL, coverage=(few,)))), metrics.LABEL_COVERAGE_RATIO) == {}

    @pytest.mark.parametrize(
        ("aged", "median", "late"),
        [(SMALL_CELL - 1, {}, {}), (SMALL_CELL, {("coding", "7"): 600.0}, {("coding", "7"): 3000.0})],
    )
    def test_how_long_a_handful_of_labels_took_is_not_shown(self, aged, median, late):
        row = CoverageRow("coding", "7", 0.9, 100, 90, aged, 600.0, 3000.0)
        samples = scrape(shown(replace(KERNEL, coverage=(row,))))
        assert of(samples, metrics.LABEL_MEDIAN_DELAY) == median
        assert of(samples, metrics.LABEL_P90_DELAY) == late

    def test_a_window_without_outcomes_has_no_performance(self):
        empty = replace(ROW, performance=None, performance_samples=0)
        assert of(scrape(shown(replace(KERNEL, evidence=(empty,)))), metrics.PERFORMANCE_RATIO) == {}


class TestDrift:
    def test_detections_exist_at_zero_before_the_first(self):
        found = of(scrape(shown()), metrics.DRIFT_DETECTIONS)
        key = ("coding", "7", "all", "all", "confidence", "adwin")
        assert found == {(*key, "up"): 0, (*key, "down"): 0}

    @pytest.mark.parametrize(
        ("signal", "score", "expected"),
        [
            ("performance", 3.0, "down"),
            ("confidence", 3.0, "up"),
            ("confidence", -3.0, "down"),
            ("segment_mix", 0.5, "both"),
        ],
    )
    def test_a_detection_is_counted_in_a_direction_that_exists_at_zero(self, signal: str, score: float, expected: str):
        row = replace(DRIFT, signal=signal, score=score)
        assert direction(row) == expected
        assert direction(row) in directions(row)

    def test_detections_are_those_that_were_counted(self):
        key = ("coding", "7", "all", "all", "confidence", "adwin", "down")
        found = of(scrape(shown(counters={(metrics.DRIFT_DETECTIONS.prometheus, key): 4})), metrics.DRIFT_DETECTIONS)
        assert found[key] == 4

    @pytest.mark.parametrize("active", [True, False])
    def test_the_status_says_whether_a_detection_is_recent(self, *, active: bool):
        found = of(scrape(shown(replace(KERNEL, drift=(replace(DRIFT, active=active),)))), metrics.DRIFT_STATUS)
        assert list(found.values()) == [float(active)]


class TestEscalation:
    def test_the_severest_tier_of_the_serving_version_stands_at_one(self):
        found = of(scrape(shown()), metrics.ESCALATION_STATUS)
        assert {labels[1] for labels, value in found.items() if value} == {"rollback"}
        assert len(found) == len(EscalationLevel)

    def test_a_version_that_no_longer_serves_does_not_count(self):
        later = replace(KERNEL, activations={("coding", "7"): 3, ("coding", "8"): 4})
        found = of(scrape(shown(later)), metrics.ESCALATION_STATUS)
        assert {labels[1] for labels, value in found.items() if value} == {"none"}


def test_before_the_first_event_only_the_process_is_shown():
    samples = scrape(shown(KernelView()))
    assert all(math.isfinite(value) for value in samples.values())
    assert of(samples, metrics.PROCESSOR_EVENT_TIME) == {}
    assert of(samples, metrics.PROCESSOR_START_TIME) == {(): 1_790_000_000.0}
    assert of(samples, metrics.PROCESSOR_REJECTIONS)[("forged",)] == 0


def test_suggestions_are_counters_that_exist_at_zero():
    samples = scrape(shown())
    key = ("coding", "7", "payer", "medicaid", "immediate")
    assert of(samples, metrics.SUGGESTIONS) == {
        (*key, "accepted"): 40,
        (*key, "edited"): 9,
        (*key, "rejected"): 0,
        (*key, "ignored"): 0,
        (*key, "escalated"): 0,
    }
    assert of(samples, metrics.ACCEPTANCES) == {(*key, "brief"): 5, (*key, "considered"): 30, (*key, "unknown"): 5}


@pytest.mark.parametrize("count", [SMALL_CELL - 1, SMALL_CELL])
def test_suggestions_of_a_handful_of_patients_read_zero(count):
    few = replace(
        SUGGESTIONS,
        actions=dict.fromkeys(ReviewAction, 0) | {ReviewAction.ACCEPTED: count},
        attention=dict.fromkeys(ReviewAttention, 0) | {ReviewAttention.BRIEF: count},
    )
    samples = scrape(shown(replace(KERNEL, suggestions=(few,))))
    visible = count if count >= SMALL_CELL else 0
    assert sum(of(samples, metrics.SUGGESTIONS).values()) == visible
    assert sum(of(samples, metrics.ACCEPTANCES).values()) == visible
    assert len(of(samples, metrics.SUGGESTIONS)) == len(ReviewAction)


def test_the_cause_of_a_drop_is_one_state_of_five_and_needs_outcomes_enough():
    found = of(scrape(shown()), metrics.ATTRIBUTION_STATUS)
    assert len(found) == len(AttributionCause)
    assert [key[-1] for key, value in found.items() if value == 1] == ["input"]
    reasons = of(scrape(shown()), metrics.ATTRIBUTION_REASON_STATUS)
    assert {key[-1]: value for key, value in reasons.items()} == {"input_feature": 1}
    few = replace(KERNEL, evidence=(replace(ROW, samples=10),))
    assert of(scrape(shown(few)), metrics.ATTRIBUTION_STATUS) == {}
    assert of(scrape(shown(few)), metrics.ATTRIBUTION_REASON_STATUS) == {}


def test_what_other_versions_do_on_the_same_cases_is_shown_where_they_are_enough():
    page = scrape(shown())
    whole, payer = ("all", "all"), ("payer", "medicaid")
    assert page[metrics.PAIRING_VERDICT.prometheus, ("coding", "6", *whole)] == -1
    assert page[metrics.PAIRING_VERDICT.prometheus, ("coding", "5", *whole)] == 1
    assert page[metrics.PAIRING_VERDICT.prometheus, ("coding", "6", *payer)] == 1
    assert page[metrics.PAIRING_CASES.prometheus, ("coding", "5", *whole)] == 396  # in steps of eleven
    assert (metrics.PAIRING_VERDICT.prometheus, ("coding", "4", *whole)) not in page
    assert (metrics.PAIRING_CASES.prometheus, ("coding", "4", *whole)) not in page
