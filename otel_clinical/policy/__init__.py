"""What a hospital decided about its models: one file, checked in full, read by every part that acts."""

from otel_clinical.policy._baseline import (
    ALL,
    BASELINE_KINDS,
    FIXED,
    PREVIOUS_VERSION,
    SAME_SEASON,
    Baseline,
    Cell,
    FeatureReference,
    HourBlock,
    Spread,
)
from otel_clinical.policy._baseline_age import baseline_end, outdated, replaced_at
from otel_clinical.policy._baseline_approval import (
    BaselineDecision,
    check_change,
    decide,
    decisions_file,
    read_decisions,
)
from otel_clinical.policy._baseline_builder import BaselineBuilder
from otel_clinical.policy._baseline_checks import baseline_problems
from otel_clinical.policy._baseline_features import CONFIDENCE
from otel_clinical.policy._baseline_file import load_baseline, parse_baseline
from otel_clinical.policy._baseline_hours import ENOUGH as HOUR_ENOUGH
from otel_clinical.policy._baseline_hours import HOURS, SAME_HOUR, hour_of_week, merged_hours
from otel_clinical.policy._baseline_labels import EDGES as LABEL_EDGES
from otel_clinical.policy._baseline_labels import LabelReference
from otel_clinical.policy._detectors import DetectorPolicy
from otel_clinical.policy._escalation import DAYS, Escalation, Lines, ReviewLines, WorkingHours
from otel_clinical.policy._export import json_schema
from otel_clinical.policy._features import FeaturePolicy, InputDrift
from otel_clinical.policy._follow import (
    FollowCommand,
    FollowFlagd,
    FollowHttp,
    FollowKubernetes,
    FollowMlflow,
    FollowPointer,
)
from otel_clinical.policy._load import load_policy, parse_policy, policy_problems
from otel_clinical.policy._names import TIERS
from otel_clinical.policy._open import with_open_values
from otel_clinical.policy._problems import BaselineError, PolicyErrors, PolicyProblem
from otel_clinical.policy._quantities import (
    Budget,
    duration_text,
    parse_budget,
    parse_duration,
    parse_percent,
)
from otel_clinical.policy._rollback import DRILL_EVERY, FileTarget, KnownGood, Limits, Rollback, Verify
from otel_clinical.policy._scale import Scale
from otel_clinical.policy._schema import (
    BaselineFile,
    Calibration,
    Confidence,
    Drift,
    Fleet,
    Hold,
    InputQuality,
    Labels,
    Metric,
    ModelPolicy,
    Overrides,
    Policy,
    Silence,
    Tier,
)
from otel_clinical.policy._thin import thin_segments
from otel_clinical.policy._warnings import policy_warnings

__all__ = [
    "ALL",
    "BASELINE_KINDS",
    "CONFIDENCE",
    "DAYS",
    "DRILL_EVERY",
    "FIXED",
    "HOURS",
    "HOUR_ENOUGH",
    "LABEL_EDGES",
    "PREVIOUS_VERSION",
    "SAME_HOUR",
    "SAME_SEASON",
    "TIERS",
    "Baseline",
    "BaselineBuilder",
    "BaselineDecision",
    "BaselineError",
    "BaselineFile",
    "Budget",
    "Calibration",
    "Cell",
    "Confidence",
    "DetectorPolicy",
    "Drift",
    "Escalation",
    "FeaturePolicy",
    "FeatureReference",
    "FileTarget",
    "Fleet",
    "FollowCommand",
    "FollowFlagd",
    "FollowHttp",
    "FollowKubernetes",
    "FollowMlflow",
    "FollowPointer",
    "Hold",
    "HourBlock",
    "InputDrift",
    "InputQuality",
    "KnownGood",
    "LabelReference",
    "Labels",
    "Limits",
    "Lines",
    "Metric",
    "ModelPolicy",
    "Overrides",
    "Policy",
    "PolicyErrors",
    "PolicyProblem",
    "ReviewLines",
    "Rollback",
    "Scale",
    "Silence",
    "Spread",
    "Tier",
    "Verify",
    "WorkingHours",
    "baseline_end",
    "baseline_problems",
    "check_change",
    "decide",
    "decisions_file",
    "duration_text",
    "hour_of_week",
    "json_schema",
    "load_baseline",
    "load_policy",
    "merged_hours",
    "outdated",
    "parse_baseline",
    "parse_budget",
    "parse_duration",
    "parse_percent",
    "parse_policy",
    "policy_problems",
    "policy_warnings",
    "read_decisions",
    "replaced_at",
    "thin_segments",
    "with_open_values",
]
