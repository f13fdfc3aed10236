"""Metrics. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from typing import Final

from otel_clinical.semconv._definitions import MetricDef

__all__ = [
    "ABSTENTIONS",
    "ACCEPTANCES",
    "ALL",
    "ATTRIBUTION_REASON_STATUS",
    "ATTRIBUTION_STATUS",
    "BASELINE_END_TIME",
    "BASELINE_RATIO",
    "BASELINE_STATUS",
    "BUSINESS_COST",
    "BUSINESS_ENCOUNTERS",
    "BUSINESS_REVENUE",
    "BUSINESS_RISK_EVENTS",
    "CALIBRATION_BIAS_RATIO",
    "CALIBRATION_BIN_RATIO",
    "CALIBRATION_BRIER_RATIO",
    "CALIBRATION_ERROR_RATIO",
    "CALIBRATION_EVIDENCE",
    "CALIBRATION_LABELS",
    "CHANGE_POINT_TIME",
    "CONFIDENCE",
    "DEGRADATION_LOWER_RATIO",
    "DEGRADATION_RATIO",
    "DEGRADATION_UPPER_RATIO",
    "DEPLOYMENT_CHANGES",
    "DEPLOYMENT_STATUS",
    "DISCOVERY_EVIDENCE",
    "DISCOVERY_STATUS",
    "DRIFT_DETECTIONS",
    "DRIFT_SCORE",
    "DRIFT_STATUS",
    "ESCALATION_STATUS",
    "ESTIMATE_INFERENCES",
    "ESTIMATE_PERFORMANCE_RATIO",
    "ESTIMATE_STATUS",
    "EVIDENCE",
    "EVIDENCE_ACTIVATION",
    "EVIDENCE_LABELS",
    "EVIDENCE_SAMPLES",
    "FEEDBACK_SUBMISSIONS",
    "FEEDBACK_TRIAGE_DURATION",
    "INFERENCES",
    "INFERENCE_DURATION",
    "INPUT_FEATURE_EVIDENCE",
    "INPUT_FEATURE_PSI",
    "INPUT_FEATURE_SHIFT_RATIO",
    "INPUT_ISSUES",
    "INPUT_QUALITY",
    "INPUT_RECORDS",
    "LABEL_AMENDED_RATIO",
    "LABEL_COVERAGE_RATIO",
    "LABEL_MEDIAN_DELAY",
    "LABEL_P90_DELAY",
    "LABEL_TIME",
    "LABEL_WAITING",
    "LABEL_WITHDRAWN_RATIO",
    "OUTCOMES",
    "OUTCOME_CONFIDENCE",
    "OUTCOME_DELAY",
    "OVERRIDES",
    "PAIRING_CASES",
    "PAIRING_VERDICT",
    "PERFORMANCE_RATIO",
    "PERFORMANCE_SAMPLES",
    "PROCESSOR_ACCEPT_STATUS",
    "PROCESSOR_CORRECTION_DROPS",
    "PROCESSOR_CORRECTION_USED_RATIO",
    "PROCESSOR_EVENTS",
    "PROCESSOR_EVENT_TIME",
    "PROCESSOR_JOURNAL_PENDING",
    "PROCESSOR_REJECTIONS",
    "PROCESSOR_START_TIME",
    "PROCESSOR_WATERMARK_TIME",
    "RELEASE_EPOCH",
    "RELEASE_SEGMENT_STATUS",
    "RELEASE_STATUS",
    "REVIEWS",
    "REVIEW_DELAY",
    "REVIEW_EDIT_RATIO",
    "ROLLBACK_ACCESS_REFUSALS",
    "ROLLBACK_AUDIT_DIGEST",
    "ROLLBACK_AUDIT_SEQUENCE",
    "ROLLBACK_CONFIRMATION_TIME",
    "ROLLBACK_DECISIONS",
    "ROLLBACK_DRILL_TIME",
    "ROLLBACK_DURATION",
    "ROLLBACK_GUARD_RESULTS",
    "ROLLBACK_HEARTBEAT_TIME",
    "ROLLBACK_MODE",
    "ROLLBACK_POLICY_UNAPPROVED",
    "ROLLBACK_STATE",
    "ROLLBACK_STORE_STATUS",
    "ROLLBACK_WAY_BACK",
    "ROLLBACK_WEBHOOKS",
    "ROUTER_DEGRADED",
    "ROUTER_SERVING_EPOCH",
    "ROUTING_DECISIONS",
    "SAFETY_EVENTS",
    "SAFETY_EVIDENCE",
    "SEGMENT_INFERENCES",
    "SEGMENT_OUTCOMES",
    "SEGMENT_RECORDS",
    "SEGMENT_REVIEWS",
    "SUGGESTIONS",
    "TARGET_STATUS",
    "TASK_DURATION",
    "TELEMETRY_DROPPED",
    "TELEMETRY_ERRORS",
    "TELEMETRY_REDACTIONS",
    "VOLUME_EVIDENCE",
    "VOLUME_RATIO",
]

ROLLBACK_STATE: Final = MetricDef(
    name="clinical_ai.rollback.state",
    instrument="updowncounter",
    unit="1",
    description="1 for the state each rollback state machine is in.",
    attributes=("clinical_ai.model.name", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.rollback.state"),
    buckets=None,
    prometheus="clinical_ai_rollback_state",
    source="controller",
)

ROLLBACK_MODE: Final = MetricDef(
    name="clinical_ai.rollback.mode",
    instrument="updowncounter",
    unit="1",
    description="1 for the mode of each model.",
    attributes=("clinical_ai.model.name", "clinical_ai.rollback.mode"),
    buckets=None,
    prometheus="clinical_ai_rollback_mode",
    source="controller",
)

ROLLBACK_DECISIONS: Final = MetricDef(
    name="clinical_ai.rollback.decisions",
    instrument="counter",
    unit="{decision}",
    description="Decisions taken.",
    attributes=("clinical_ai.model.name", "clinical_ai.rollback.decision"),
    buckets=None,
    prometheus="clinical_ai_rollback_decisions_total",
    source="controller",
)

ROLLBACK_GUARD_RESULTS: Final = MetricDef(
    name="clinical_ai.rollback.guard.results",
    instrument="counter",
    unit="{result}",
    description="Guards evaluated, by result.",
    attributes=("clinical_ai.rollback.guard.name", "clinical_ai.rollback.guard.result"),
    buckets=None,
    prometheus="clinical_ai_rollback_guard_results_total",
    source="controller",
)

ROLLBACK_WEBHOOKS: Final = MetricDef(
    name="clinical_ai.rollback.webhooks",
    instrument="counter",
    unit="{request}",
    description="Webhook requests answered.",
    attributes=("http.response.status_code",),
    buckets=None,
    prometheus="clinical_ai_rollback_webhooks_total",
    source="controller",
)

ROLLBACK_ACCESS_REFUSALS: Final = MetricDef(
    name="clinical_ai.rollback.access.refusals",
    instrument="counter",
    unit="{request}",
    description="Requests to the controller that were not believed or not allowed, by what was wrong with them.",
    attributes=("clinical_ai.rollback.access.refusal",),
    buckets=None,
    prometheus="clinical_ai_rollback_access_refusals_total",
    source="controller",
)

ROLLBACK_HEARTBEAT_TIME: Final = MetricDef(
    name="clinical_ai.rollback.heartbeat.time",
    instrument="gauge",
    unit="s",
    description="Unix time of the last watchdog heartbeat.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_rollback_heartbeat_time_seconds",
    source="controller",
)

ROLLBACK_CONFIRMATION_TIME: Final = MetricDef(
    name="clinical_ai.rollback.confirmation.time",
    instrument="gauge",
    unit="s",
    description="Unix time of the last query that Prometheus answered; absent until the first.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_rollback_confirmation_time_seconds",
    source="controller",
)

ROLLBACK_STORE_STATUS: Final = MetricDef(
    name="clinical_ai.rollback.store.status",
    instrument="updowncounter",
    unit="1",
    description="1 while the controller can write its state directory, 0 from the first write that failed until one succeeds.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_rollback_store_status",
    source="controller",
)

ROLLBACK_AUDIT_SEQUENCE: Final = MetricDef(
    name="clinical_ai.rollback.audit.sequence",
    instrument="gauge",
    unit="{event}",
    description="Sequence number of the newest audit event.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_rollback_audit_sequence",
    source="controller",
)

ROLLBACK_AUDIT_DIGEST: Final = MetricDef(
    name="clinical_ai.rollback.audit.digest",
    instrument="gauge",
    unit="{digest}",
    description="First 52 bits of the newest audit event's hash, a witness against a rewritten audit.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_rollback_audit_digest",
    source="controller",
)

ROLLBACK_DURATION: Final = MetricDef(
    name="clinical_ai.rollback.duration",
    instrument="histogram",
    unit="s",
    description="Time from alert to the swap of the release pointer.",
    attributes=("clinical_ai.model.name", "error.type"),
    buckets=(0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
    prometheus="clinical_ai_rollback_duration_seconds",
    source="controller",
)

DEPLOYMENT_CHANGES: Final = MetricDef(
    name="clinical_ai.deployment.changes",
    instrument="counter",
    unit="{change}",
    description="Deployment changes made.",
    attributes=("clinical_ai.model.name", "clinical_ai.deployment.change.type", "clinical_ai.deployment.change.trigger", "clinical_ai.deployment.change.reason"),
    buckets=None,
    prometheus="clinical_ai_deployment_changes_total",
    source="controller",
)

RELEASE_EPOCH: Final = MetricDef(
    name="clinical_ai.release.epoch",
    instrument="gauge",
    unit="{epoch}",
    description="Epoch of the release pointer.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_release_epoch",
    source="controller",
)

RELEASE_STATUS: Final = MetricDef(
    name="clinical_ai.release.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the version the release pointer names.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_release_status",
    source="controller",
)

RELEASE_SEGMENT_STATUS: Final = MetricDef(
    name="clinical_ai.release.segment.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the version that a rule of the release pointer gives to one segment in place of the model's.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_release_segment_status",
    source="controller",
)

TARGET_STATUS: Final = MetricDef(
    name="clinical_ai.target.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the state that a place which follows the release pointer is in, else 0.",
    attributes=("clinical_ai.model.name", "clinical_ai.target.name", "clinical_ai.target.state"),
    buckets=None,
    prometheus="clinical_ai_target_status",
    source="controller",
)

ROLLBACK_DRILL_TIME: Final = MetricDef(
    name="clinical_ai.rollback.drill.time",
    instrument="gauge",
    unit="s",
    description="When a rollback of the model was last practised with success, in Unix seconds.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_rollback_drill_time_seconds",
    source="controller",
)

ROLLBACK_WAY_BACK: Final = MetricDef(
    name="clinical_ai.rollback.way_back",
    instrument="gauge",
    unit="{version}",
    description="Versions that the model could be given back now, 1 or 0; the release ledger knows why none.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_rollback_way_back",
    source="controller",
)

ROLLBACK_POLICY_UNAPPROVED: Final = MetricDef(
    name="clinical_ai.rollback.policy.unapproved",
    instrument="gauge",
    unit="{policy}",
    description="Policies that the model is run by in mode enforce and that two people have not approved, 1 or 0.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_rollback_policy_unapproved",
    source="controller",
)

INFERENCES: Final = MetricDef(
    name="clinical_ai.inferences",
    instrument="counter",
    unit="{inference}",
    description="Inferences made.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.role", "clinical_ai.inference.status", "clinical_ai.routing.level", "error.type"),
    buckets=None,
    prometheus="clinical_ai_inferences_total",
    source="inference",
)

INFERENCE_DURATION: Final = MetricDef(
    name="clinical_ai.inference.duration",
    instrument="histogram",
    unit="s",
    description="Time from call to answer.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.role", "error.type"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    prometheus="clinical_ai_inference_duration_seconds",
    source="inference",
)

SEGMENT_INFERENCES: Final = MetricDef(
    name="clinical_ai.segment.inferences",
    instrument="counter",
    unit="{inference}",
    description="Inferences made, per segment value.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.routing.level"),
    buckets=None,
    prometheus="clinical_ai_segment_inferences_total",
    source="inference",
)

SEGMENT_REVIEWS: Final = MetricDef(
    name="clinical_ai.segment.reviews",
    instrument="counter",
    unit="{review}",
    description="Reviews recorded, per segment value.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.review.action"),
    buckets=None,
    prometheus="clinical_ai_segment_reviews_total",
    source="inference",
)

SEGMENT_OUTCOMES: Final = MetricDef(
    name="clinical_ai.segment.outcomes",
    instrument="counter",
    unit="{outcome}",
    description="Outcomes recorded, per segment value.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.outcome.result"),
    buckets=None,
    prometheus="clinical_ai_segment_outcomes_total",
    source="inference",
)

SEGMENT_RECORDS: Final = MetricDef(
    name="clinical_ai.segment.records",
    instrument="counter",
    unit="{record}",
    description="Input records judged by the input-quality gate, per segment value.",
    attributes=("clinical_ai.model.name", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.input.quality.action"),
    buckets=None,
    prometheus="clinical_ai_segment_records_total",
    source="inference",
)

INPUT_QUALITY: Final = MetricDef(
    name="clinical_ai.input.quality",
    instrument="histogram",
    unit="1",
    description="Quality of input records, from 0 to 1.",
    attributes=("clinical_ai.model.name", "clinical_ai.use_case"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99),
    prometheus="clinical_ai_input_quality",
    source="inference",
)

INPUT_RECORDS: Final = MetricDef(
    name="clinical_ai.input.records",
    instrument="counter",
    unit="{record}",
    description="Input records judged by the input-quality gate.",
    attributes=("clinical_ai.model.name", "clinical_ai.use_case", "clinical_ai.input.quality.action"),
    buckets=None,
    prometheus="clinical_ai_input_records_total",
    source="inference",
)

INPUT_ISSUES: Final = MetricDef(
    name="clinical_ai.input.issues",
    instrument="counter",
    unit="{issue}",
    description="Input-quality issues found.",
    attributes=("clinical_ai.model.name", "clinical_ai.input.domain", "clinical_ai.input.issue.type"),
    buckets=None,
    prometheus="clinical_ai_input_issues_total",
    source="inference",
)

CONFIDENCE: Final = MetricDef(
    name="clinical_ai.confidence",
    instrument="histogram",
    unit="1",
    description="Confidence of answers, from 0 to 1.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.deployment.role"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99),
    prometheus="clinical_ai_confidence",
    source="inference",
)

ROUTING_DECISIONS: Final = MetricDef(
    name="clinical_ai.routing.decisions",
    instrument="counter",
    unit="{decision}",
    description="Routing decisions taken.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.routing.level", "clinical_ai.routing.reason"),
    buckets=None,
    prometheus="clinical_ai_routing_decisions_total",
    source="inference",
)

ABSTENTIONS: Final = MetricDef(
    name="clinical_ai.abstentions",
    instrument="counter",
    unit="{abstention}",
    description="Inferences the model gave no answer to.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.abstention.reason"),
    buckets=None,
    prometheus="clinical_ai_abstentions_total",
    source="inference",
)

DEPLOYMENT_STATUS: Final = MetricDef(
    name="clinical_ai.deployment.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the state each registered version is in, else 0.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.deployment.state"),
    buckets=None,
    prometheus="clinical_ai_deployment_status",
    source="inference",
)

ROUTER_DEGRADED: Final = MetricDef(
    name="clinical_ai.router.degraded",
    instrument="updowncounter",
    unit="1",
    description="1 while the router cannot read its release pointer and serves the last known one.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_router_degraded",
    source="inference",
)

ROUTER_SERVING_EPOCH: Final = MetricDef(
    name="clinical_ai.router.serving_epoch",
    instrument="gauge",
    unit="{epoch}",
    description="Epoch of the release pointer by which this process routes its calls; a process that stays behind shows a lower one.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_router_serving_epoch",
    source="inference",
)

REVIEWS: Final = MetricDef(
    name="clinical_ai.reviews",
    instrument="counter",
    unit="{review}",
    description="Reviews recorded, every one; suggestions count each answer once.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.routing.level", "clinical_ai.review.action"),
    buckets=None,
    prometheus="clinical_ai_reviews_total",
    source="inference",
)

OVERRIDES: Final = MetricDef(
    name="clinical_ai.overrides",
    instrument="counter",
    unit="{override}",
    description="Answers edited or rejected.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.override.reason"),
    buckets=None,
    prometheus="clinical_ai_overrides_total",
    source="inference",
)

REVIEW_DELAY: Final = MetricDef(
    name="clinical_ai.review.delay",
    instrument="histogram",
    unit="s",
    description="Time from inference to review.",
    attributes=("clinical_ai.model.name", "clinical_ai.review.action"),
    buckets=(30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 28800.0, 86400.0, 259200.0, 604800.0, 1209600.0, 2592000.0),
    prometheus="clinical_ai_review_delay_seconds",
    source="inference",
)

REVIEW_EDIT_RATIO: Final = MetricDef(
    name="clinical_ai.review.edit.ratio",
    instrument="histogram",
    unit="1",
    description="Share of the answer that reviewers changed.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99),
    prometheus="clinical_ai_review_edit_ratio",
    source="inference",
)

OUTCOMES: Final = MetricDef(
    name="clinical_ai.outcomes",
    instrument="counter",
    unit="{outcome}",
    description="Outcomes recorded; accuracy is correct over correct, incorrect and partial.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.use_case", "clinical_ai.outcome.result", "clinical_ai.outcome.source"),
    buckets=None,
    prometheus="clinical_ai_outcomes_total",
    source="inference",
)

OUTCOME_DELAY: Final = MetricDef(
    name="clinical_ai.outcome.delay",
    instrument="histogram",
    unit="s",
    description="Time from inference to outcome.",
    attributes=("clinical_ai.model.name", "clinical_ai.outcome.source"),
    buckets=(3600.0, 14400.0, 28800.0, 86400.0, 259200.0, 604800.0, 1209600.0, 2592000.0, 5184000.0, 7776000.0),
    prometheus="clinical_ai_outcome_delay_seconds",
    source="inference",
)

OUTCOME_CONFIDENCE: Final = MetricDef(
    name="clinical_ai.outcome.confidence",
    instrument="histogram",
    unit="1",
    description="Confidence the answer had, by how it turned out; calibration error in PromQL.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.outcome.result"),
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99),
    prometheus="clinical_ai_outcome_confidence",
    source="inference",
)

FEEDBACK_SUBMISSIONS: Final = MetricDef(
    name="clinical_ai.feedback.submissions",
    instrument="counter",
    unit="{submission}",
    description="Feedback received.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.feedback.rating", "clinical_ai.feedback.channel"),
    buckets=None,
    prometheus="clinical_ai_feedback_submissions_total",
    source="inference",
)

FEEDBACK_TRIAGE_DURATION: Final = MetricDef(
    name="clinical_ai.feedback.triage.duration",
    instrument="histogram",
    unit="s",
    description="Time from feedback to triage.",
    attributes=("clinical_ai.model.name",),
    buckets=(900.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0, 259200.0),
    prometheus="clinical_ai_feedback_triage_duration_seconds",
    source="inference",
)

SAFETY_EVENTS: Final = MetricDef(
    name="clinical_ai.safety.events",
    instrument="counter",
    unit="{event}",
    description="Safety events reported.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.safety.event.severity", "clinical_ai.safety.event.type"),
    buckets=None,
    prometheus="clinical_ai_safety_events_total",
    source="inference",
)

TASK_DURATION: Final = MetricDef(
    name="clinical_ai.task.duration",
    instrument="histogram",
    unit="s",
    description="Duration of a unit of work, with and without the model.",
    attributes=("clinical_ai.task.name", "clinical_ai.assistance"),
    buckets=(10.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0),
    prometheus="clinical_ai_task_duration_seconds",
    source="inference",
)

BUSINESS_ENCOUNTERS: Final = MetricDef(
    name="clinical_ai.business.encounters",
    instrument="counter",
    unit="{encounter}",
    description="Encounters handled.",
    attributes=("clinical_ai.use_case", "clinical_ai.assistance"),
    buckets=None,
    prometheus="clinical_ai_business_encounters_total",
    source="inference",
)

BUSINESS_RISK_EVENTS: Final = MetricDef(
    name="clinical_ai.business.risk.events",
    instrument="counter",
    unit="{event}",
    description="Events with financial or compliance risk.",
    attributes=("clinical_ai.use_case", "clinical_ai.business.category"),
    buckets=None,
    prometheus="clinical_ai_business_risk_events_total",
    source="inference",
)

BUSINESS_REVENUE: Final = MetricDef(
    name="clinical_ai.business.revenue",
    instrument="counter",
    unit="{currency_unit}",
    description="Revenue booked; corrections are debits.",
    attributes=("clinical_ai.use_case", "clinical_ai.business.currency", "clinical_ai.assistance", "clinical_ai.business.entry"),
    buckets=None,
    prometheus="clinical_ai_business_revenue_total",
    source="inference",
)

BUSINESS_COST: Final = MetricDef(
    name="clinical_ai.business.cost",
    instrument="counter",
    unit="{currency_unit}",
    description="Cost incurred.",
    attributes=("clinical_ai.use_case", "clinical_ai.business.currency", "clinical_ai.business.category"),
    buckets=None,
    prometheus="clinical_ai_business_cost_total",
    source="inference",
)

EVIDENCE: Final = MetricDef(
    name="clinical_ai.evidence",
    instrument="gauge",
    unit="{evidence}",
    description="Evidence that performance dropped beyond the guard of a tier; 1 or more is proof.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.escalation.level"),
    buckets=None,
    prometheus="clinical_ai_evidence",
    source="processor",
)

EVIDENCE_SAMPLES: Final = MetricDef(
    name="clinical_ai.evidence.samples",
    instrument="gauge",
    unit="{outcome}",
    description="Outcomes since the estimated change point.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_evidence_samples",
    source="processor",
)

EVIDENCE_LABELS: Final = MetricDef(
    name="clinical_ai.evidence.labels",
    instrument="gauge",
    unit="{outcome}",
    description="Mature outcomes that were counted since the activation began, in steps of eleven.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_evidence_labels",
    source="processor",
)

EVIDENCE_ACTIVATION: Final = MetricDef(
    name="clinical_ai.evidence.activation",
    instrument="gauge",
    unit="{activation}",
    description="Activation that the exported evidence belongs to.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_evidence_activation",
    source="processor",
)

DEGRADATION_RATIO: Final = MetricDef(
    name="clinical_ai.degradation.ratio",
    instrument="gauge",
    unit="1",
    description="Drop of performance since the estimated change point, as the policy measures drops.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_degradation_ratio",
    source="processor",
)

DISCOVERY_EVIDENCE: Final = MetricDef(
    name="clinical_ai.discovery.evidence",
    instrument="gauge",
    unit="{evidence}",
    description="Evidence that some segment of the version is worse than the guard of a tier, whichever it is; 1 or more is proof.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.escalation.level"),
    buckets=None,
    prometheus="clinical_ai_discovery_evidence",
    source="processor",
)

DISCOVERY_STATUS: Final = MetricDef(
    name="clinical_ai.discovery.status",
    instrument="updowncounter",
    unit="1",
    description="1 if a segment is among those named worse than the guard of a tier, so that few of the named are named wrongly.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.escalation.level"),
    buckets=None,
    prometheus="clinical_ai_discovery_status",
    source="processor",
)

DEGRADATION_LOWER_RATIO: Final = MetricDef(
    name="clinical_ai.degradation.lower.ratio",
    instrument="gauge",
    unit="1",
    description="Least drop since the estimated change point; holds at all times together with a confidence of 95 %.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_degradation_lower_ratio",
    source="processor",
)

DEGRADATION_UPPER_RATIO: Final = MetricDef(
    name="clinical_ai.degradation.upper.ratio",
    instrument="gauge",
    unit="1",
    description="Largest drop since the estimated change point; holds at all times together with a confidence of 95 %.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_degradation_upper_ratio",
    source="processor",
)

PERFORMANCE_RATIO: Final = MetricDef(
    name="clinical_ai.performance.ratio",
    instrument="gauge",
    unit="1",
    description="Performance metric over the recent display window.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_performance_ratio",
    source="processor",
)

PERFORMANCE_SAMPLES: Final = MetricDef(
    name="clinical_ai.performance.samples",
    instrument="gauge",
    unit="{outcome}",
    description="Outcomes in the recent display window.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_performance_samples",
    source="processor",
)

BASELINE_RATIO: Final = MetricDef(
    name="clinical_ai.baseline.ratio",
    instrument="gauge",
    unit="1",
    description="Performance metric of the frozen baseline.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_baseline_ratio",
    source="processor",
)

BASELINE_STATUS: Final = MetricDef(
    name="clinical_ai.baseline.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the baseline in use.",
    attributes=("clinical_ai.model.name", "clinical_ai.baseline.hash"),
    buckets=None,
    prometheus="clinical_ai_baseline_status",
    source="processor",
)

BASELINE_END_TIME: Final = MetricDef(
    name="clinical_ai.baseline.end.time",
    instrument="gauge",
    unit="s",
    description="Unix time from which the baseline is out of date; absent where it has no end.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_baseline_end_time_seconds",
    source="processor",
)

CHANGE_POINT_TIME: Final = MetricDef(
    name="clinical_ai.change_point.time",
    instrument="gauge",
    unit="s",
    description="Unix time of the estimated change point.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_change_point_time_seconds",
    source="processor",
)

LABEL_COVERAGE_RATIO: Final = MetricDef(
    name="clinical_ai.label.coverage.ratio",
    instrument="gauge",
    unit="1",
    description="Share of mature inferences that have an outcome.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_label_coverage_ratio",
    source="processor",
)

LABEL_AMENDED_RATIO: Final = MetricDef(
    name="clinical_ai.label.amended.ratio",
    instrument="gauge",
    unit="1",
    description="Share of the counted outcomes that were amended after they had counted; 0 below eleven of them.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_label_amended_ratio",
    source="processor",
)

LABEL_WITHDRAWN_RATIO: Final = MetricDef(
    name="clinical_ai.label.withdrawn.ratio",
    instrument="gauge",
    unit="1",
    description="Errors that amendments took back less those that they added, by counted outcome; absent below eleven amended ones.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_label_withdrawn_ratio",
    source="processor",
)

LABEL_MEDIAN_DELAY: Final = MetricDef(
    name="clinical_ai.label.median.delay",
    instrument="gauge",
    unit="s",
    description="Seconds from inference to outcome that half of the outcomes of recently matured inferences do not exceed.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_label_median_delay_seconds",
    source="processor",
)

LABEL_P90_DELAY: Final = MetricDef(
    name="clinical_ai.label.p90.delay",
    instrument="gauge",
    unit="s",
    description="Seconds from inference to outcome that nine in ten outcomes of recently matured inferences do not exceed.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_label_p90_delay_seconds",
    source="processor",
)

LABEL_WAITING: Final = MetricDef(
    name="clinical_ai.label.waiting",
    instrument="gauge",
    unit="{outcome}",
    description="Outcomes that were received and wait until their inference is mature, in steps of eleven.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_label_waiting",
    source="processor",
)

LABEL_TIME: Final = MetricDef(
    name="clinical_ai.label.time",
    instrument="gauge",
    unit="s",
    description="Unix time of the newest outcome.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_label_time_seconds",
    source="processor",
)

CALIBRATION_LABELS: Final = MetricDef(
    name="clinical_ai.calibration.labels",
    instrument="gauge",
    unit="{outcome}",
    description="Mature outcomes with a confidence since the activation began, in steps of eleven.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_calibration_labels",
    source="processor",
)

CALIBRATION_BIAS_RATIO: Final = MetricDef(
    name="clinical_ai.calibration.bias.ratio",
    instrument="gauge",
    unit="1",
    description="Mean confidence minus mean score over half to all of the display window; above 0 the model is too sure of itself.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_calibration_bias_ratio",
    source="processor",
)

CALIBRATION_BRIER_RATIO: Final = MetricDef(
    name="clinical_ai.calibration.brier.ratio",
    instrument="gauge",
    unit="1",
    description="Brier score of the confidence, mean of its squared distance to the score, over half to all of the display window.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_calibration_brier_ratio",
    source="processor",
)

CALIBRATION_ERROR_RATIO: Final = MetricDef(
    name="clinical_ai.calibration.error.ratio",
    instrument="gauge",
    unit="1",
    description="Binned calibration error, mean distance of confidence and score over ten bins and half to all of the display window.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_calibration_error_ratio",
    source="processor",
)

CALIBRATION_EVIDENCE: Final = MetricDef(
    name="clinical_ai.calibration.evidence",
    instrument="gauge",
    unit="{evidence}",
    description="Evidence that the confidence is off by more than the tolerance; up is too sure, 1 or more is proof.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.drift.direction"),
    buckets=None,
    prometheus="clinical_ai_calibration_evidence",
    source="processor",
)

CALIBRATION_BIN_RATIO: Final = MetricDef(
    name="clinical_ai.calibration.bin.ratio",
    instrument="gauge",
    unit="1",
    description="Mean score of the outcomes of half to all of the display window whose confidence lay in a bin; all segments together.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.calibration.bin"),
    buckets=None,
    prometheus="clinical_ai_calibration_bin_ratio",
    source="processor",
)

ESTIMATE_PERFORMANCE_RATIO: Final = MetricDef(
    name="clinical_ai.estimate.performance.ratio",
    instrument="gauge",
    unit="1",
    description="Performance that recent confidences without an outcome let expect, through the baseline's reliability curve.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_estimate_performance_ratio",
    source="processor",
)

ESTIMATE_INFERENCES: Final = MetricDef(
    name="clinical_ai.estimate.inferences",
    instrument="gauge",
    unit="{inference}",
    description="Recent inferences with a confidence and without an outcome, behind the estimated performance, in steps of eleven.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version"),
    buckets=None,
    prometheus="clinical_ai_estimate_inferences",
    source="processor",
)

ESTIMATE_STATUS: Final = MetricDef(
    name="clinical_ai.estimate.status",
    instrument="updowncounter",
    unit="1",
    description="1 for what holds of the estimated performance: valid, or why not.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.estimate.validity"),
    buckets=None,
    prometheus="clinical_ai_estimate_status",
    source="processor",
)

INPUT_FEATURE_EVIDENCE: Final = MetricDef(
    name="clinical_ai.input.feature.evidence",
    instrument="gauge",
    unit="{evidence}",
    description="Evidence that a feature moved further from the baseline than tolerated; 1 or more is proof.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.input.feature", "clinical_ai.input.aspect"),
    buckets=None,
    prometheus="clinical_ai_input_feature_evidence",
    source="processor",
)

INPUT_FEATURE_SHIFT_RATIO: Final = MetricDef(
    name="clinical_ai.input.feature.shift.ratio",
    instrument="gauge",
    unit="1",
    description="Share of the inputs that lie in other bins than in the baseline, beyond what chance explains.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.input.feature"),
    buckets=None,
    prometheus="clinical_ai_input_feature_shift_ratio",
    source="processor",
)

INPUT_FEATURE_PSI: Final = MetricDef(
    name="clinical_ai.input.feature.psi",
    instrument="gauge",
    unit="{score}",
    description="Population stability index of a feature minus what chance explains at its number of inferences.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.input.feature"),
    buckets=None,
    prometheus="clinical_ai_input_feature_psi",
    source="processor",
)

VOLUME_EVIDENCE: Final = MetricDef(
    name="clinical_ai.volume.evidence",
    instrument="gauge",
    unit="{evidence}",
    description="Evidence that inferences are below (down) or above (up) those of the same hour of the weeks before, beyond the tolerated.",
    attributes=("clinical_ai.model.name", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.drift.direction"),
    buckets=None,
    prometheus="clinical_ai_volume_evidence",
    source="processor",
)

VOLUME_RATIO: Final = MetricDef(
    name="clinical_ai.volume.ratio",
    instrument="gauge",
    unit="1",
    description="Inferences of the last full hour over those of the same hour of the weeks before.",
    attributes=("clinical_ai.model.name", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_volume_ratio",
    source="processor",
)

SAFETY_EVIDENCE: Final = MetricDef(
    name="clinical_ai.safety.evidence",
    instrument="gauge",
    unit="{evidence}",
    description="Evidence that safety events have become more frequent than tolerated; 1 or more is proof.",
    attributes=("clinical_ai.model.name",),
    buckets=None,
    prometheus="clinical_ai_safety_evidence",
    source="processor",
)

DRIFT_STATUS: Final = MetricDef(
    name="clinical_ai.drift.status",
    instrument="updowncounter",
    unit="1",
    description="1 while a detection is recent.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.drift.signal", "clinical_ai.drift.detector"),
    buckets=None,
    prometheus="clinical_ai_drift_status",
    source="processor",
)

DRIFT_DETECTIONS: Final = MetricDef(
    name="clinical_ai.drift.detections",
    instrument="counter",
    unit="{detection}",
    description="Detections raised.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.drift.signal", "clinical_ai.drift.detector", "clinical_ai.drift.direction"),
    buckets=None,
    prometheus="clinical_ai_drift_detections_total",
    source="processor",
)

DRIFT_SCORE: Final = MetricDef(
    name="clinical_ai.drift.score",
    instrument="gauge",
    unit="{score}",
    description="Latest value of the detector's statistic.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.drift.signal", "clinical_ai.drift.detector"),
    buckets=None,
    prometheus="clinical_ai_drift_score",
    source="processor",
)

SUGGESTIONS: Final = MetricDef(
    name="clinical_ai.suggestions",
    instrument="counter",
    unit="{suggestion}",
    description="Answers by what finally was done with them, once per horizon; the denominator of the override ratio.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.review.horizon", "clinical_ai.review.action"),
    buckets=None,
    prometheus="clinical_ai_suggestions_total",
    source="processor",
)

ACCEPTANCES: Final = MetricDef(
    name="clinical_ai.acceptances",
    instrument="counter",
    unit="{acceptance}",
    description="Accepted answers by how long they were looked at; brief ones are rubber-stamped.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.review.horizon", "clinical_ai.review.attention"),
    buckets=None,
    prometheus="clinical_ai_acceptances_total",
    source="processor",
)

ESCALATION_STATUS: Final = MetricDef(
    name="clinical_ai.escalation.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the highest tier the evidence has reached.",
    attributes=("clinical_ai.model.name", "clinical_ai.escalation.level"),
    buckets=None,
    prometheus="clinical_ai_escalation_status",
    source="processor",
)

ATTRIBUTION_STATUS: Final = MetricDef(
    name="clinical_ai.attribution.status",
    instrument="updowncounter",
    unit="1",
    description="1 for the cause that a drop is put down to; only while the stream is in a tier.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.attribution.cause"),
    buckets=None,
    prometheus="clinical_ai_attribution_status",
    source="processor",
)

ATTRIBUTION_REASON_STATUS: Final = MetricDef(
    name="clinical_ai.attribution.reason.status",
    instrument="updowncounter",
    unit="1",
    description="1 for each reason for the cause that a drop is put down to; only while the stream is in a tier.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value", "clinical_ai.attribution.reason"),
    buckets=None,
    prometheus="clinical_ai_attribution_reason_status",
    source="processor",
)

PROCESSOR_EVENTS: Final = MetricDef(
    name="clinical_ai.processor.events",
    instrument="counter",
    unit="{event}",
    description="Events accepted.",
    attributes=("clinical_ai.processor.signal",),
    buckets=None,
    prometheus="clinical_ai_processor_events_total",
    source="processor",
)

PROCESSOR_REJECTIONS: Final = MetricDef(
    name="clinical_ai.processor.rejections",
    instrument="counter",
    unit="{event}",
    description="Events not used, by reason.",
    attributes=("clinical_ai.processor.rejection",),
    buckets=None,
    prometheus="clinical_ai_processor_rejections_total",
    source="processor",
)

PROCESSOR_EVENT_TIME: Final = MetricDef(
    name="clinical_ai.processor.event.time",
    instrument="gauge",
    unit="s",
    description="Unix time of the newest accepted event.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_event_time_seconds",
    source="processor",
)

PROCESSOR_WATERMARK_TIME: Final = MetricDef(
    name="clinical_ai.processor.watermark.time",
    instrument="gauge",
    unit="s",
    description="Unix time up to which slots are closed.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_watermark_time_seconds",
    source="processor",
)

PROCESSOR_JOURNAL_PENDING: Final = MetricDef(
    name="clinical_ai.processor.journal.pending",
    instrument="gauge",
    unit="{batch}",
    description="Journalled batches not yet applied.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_journal_pending",
    source="processor",
)

PROCESSOR_ACCEPT_STATUS: Final = MetricDef(
    name="clinical_ai.processor.accept.status",
    instrument="updowncounter",
    unit="1",
    description="1 while the processor accepts telemetry, 0 while it tells senders to come back.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_accept_status",
    source="processor",
)

PROCESSOR_CORRECTION_USED_RATIO: Final = MetricDef(
    name="clinical_ai.processor.correction.used.ratio",
    instrument="gauge",
    unit="1",
    description="Share of the bounded record of late events that is in use; at 1 the oldest are dropped.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_correction_used_ratio",
    source="processor",
)

PROCESSOR_CORRECTION_DROPS: Final = MetricDef(
    name="clinical_ai.processor.correction.drops",
    instrument="counter",
    unit="{event}",
    description="Late events that a full correction record no longer holds.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_correction_drops_total",
    source="processor",
)

PROCESSOR_START_TIME: Final = MetricDef(
    name="clinical_ai.processor.start.time",
    instrument="gauge",
    unit="s",
    description="Unix time the processor started.",
    attributes=(),
    buckets=None,
    prometheus="clinical_ai_processor_start_time_seconds",
    source="processor",
)

PAIRING_CASES: Final = MetricDef(
    name="clinical_ai.pairing.cases",
    instrument="gauge",
    unit="{case}",
    description="Cases that this version and the serving one both answered and that have an outcome; in steps, fewer than 11 are not shown.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_pairing_cases",
    source="processor",
)

PAIRING_VERDICT: Final = MetricDef(
    name="clinical_ai.pairing.verdict",
    instrument="gauge",
    unit="{verdict}",
    description="1 where this version is proved better than the serving one on the same cases, -1 where it is proved no better by a margin, 0 where neither is.",
    attributes=("clinical_ai.model.name", "clinical_ai.model.version", "clinical_ai.segment.name", "clinical_ai.segment.value"),
    buckets=None,
    prometheus="clinical_ai_pairing_verdict",
    source="processor",
)

TELEMETRY_REDACTIONS: Final = MetricDef(
    name="clinical_ai.telemetry.redactions",
    instrument="counter",
    unit="{attribute}",
    description="Attribute values withheld before export.",
    attributes=("clinical_ai.telemetry.redaction.reason",),
    buckets=None,
    prometheus="clinical_ai_telemetry_redactions_total",
    source="inference",
)

TELEMETRY_ERRORS: Final = MetricDef(
    name="clinical_ai.telemetry.errors",
    instrument="counter",
    unit="{error}",
    description="Errors inside the instrumentation; none reaches the caller.",
    attributes=("clinical_ai.telemetry.component", "error.type"),
    buckets=None,
    prometheus="clinical_ai_telemetry_errors_total",
    source="inference",
)

TELEMETRY_DROPPED: Final = MetricDef(
    name="clinical_ai.telemetry.dropped",
    instrument="counter",
    unit="{event}",
    description="Events dropped because the queue was full.",
    attributes=("clinical_ai.telemetry.component",),
    buckets=None,
    prometheus="clinical_ai_telemetry_dropped_total",
    source="inference",
)

ALL: Final[tuple[MetricDef, ...]] = (
    ROLLBACK_STATE,
    ROLLBACK_MODE,
    ROLLBACK_DECISIONS,
    ROLLBACK_GUARD_RESULTS,
    ROLLBACK_WEBHOOKS,
    ROLLBACK_ACCESS_REFUSALS,
    ROLLBACK_HEARTBEAT_TIME,
    ROLLBACK_CONFIRMATION_TIME,
    ROLLBACK_STORE_STATUS,
    ROLLBACK_AUDIT_SEQUENCE,
    ROLLBACK_AUDIT_DIGEST,
    ROLLBACK_DURATION,
    DEPLOYMENT_CHANGES,
    RELEASE_EPOCH,
    RELEASE_STATUS,
    RELEASE_SEGMENT_STATUS,
    TARGET_STATUS,
    ROLLBACK_DRILL_TIME,
    ROLLBACK_WAY_BACK,
    ROLLBACK_POLICY_UNAPPROVED,
    INFERENCES,
    INFERENCE_DURATION,
    SEGMENT_INFERENCES,
    SEGMENT_REVIEWS,
    SEGMENT_OUTCOMES,
    SEGMENT_RECORDS,
    INPUT_QUALITY,
    INPUT_RECORDS,
    INPUT_ISSUES,
    CONFIDENCE,
    ROUTING_DECISIONS,
    ABSTENTIONS,
    DEPLOYMENT_STATUS,
    ROUTER_DEGRADED,
    ROUTER_SERVING_EPOCH,
    REVIEWS,
    OVERRIDES,
    REVIEW_DELAY,
    REVIEW_EDIT_RATIO,
    OUTCOMES,
    OUTCOME_DELAY,
    OUTCOME_CONFIDENCE,
    FEEDBACK_SUBMISSIONS,
    FEEDBACK_TRIAGE_DURATION,
    SAFETY_EVENTS,
    TASK_DURATION,
    BUSINESS_ENCOUNTERS,
    BUSINESS_RISK_EVENTS,
    BUSINESS_REVENUE,
    BUSINESS_COST,
    EVIDENCE,
    EVIDENCE_SAMPLES,
    EVIDENCE_LABELS,
    EVIDENCE_ACTIVATION,
    DEGRADATION_RATIO,
    DISCOVERY_EVIDENCE,
    DISCOVERY_STATUS,
    DEGRADATION_LOWER_RATIO,
    DEGRADATION_UPPER_RATIO,
    PERFORMANCE_RATIO,
    PERFORMANCE_SAMPLES,
    BASELINE_RATIO,
    BASELINE_STATUS,
    BASELINE_END_TIME,
    CHANGE_POINT_TIME,
    LABEL_COVERAGE_RATIO,
    LABEL_AMENDED_RATIO,
    LABEL_WITHDRAWN_RATIO,
    LABEL_MEDIAN_DELAY,
    LABEL_P90_DELAY,
    LABEL_WAITING,
    LABEL_TIME,
    CALIBRATION_LABELS,
    CALIBRATION_BIAS_RATIO,
    CALIBRATION_BRIER_RATIO,
    CALIBRATION_ERROR_RATIO,
    CALIBRATION_EVIDENCE,
    CALIBRATION_BIN_RATIO,
    ESTIMATE_PERFORMANCE_RATIO,
    ESTIMATE_INFERENCES,
    ESTIMATE_STATUS,
    INPUT_FEATURE_EVIDENCE,
    INPUT_FEATURE_SHIFT_RATIO,
    INPUT_FEATURE_PSI,
    VOLUME_EVIDENCE,
    VOLUME_RATIO,
    SAFETY_EVIDENCE,
    DRIFT_STATUS,
    DRIFT_DETECTIONS,
    DRIFT_SCORE,
    SUGGESTIONS,
    ACCEPTANCES,
    ESCALATION_STATUS,
    ATTRIBUTION_STATUS,
    ATTRIBUTION_REASON_STATUS,
    PROCESSOR_EVENTS,
    PROCESSOR_REJECTIONS,
    PROCESSOR_EVENT_TIME,
    PROCESSOR_WATERMARK_TIME,
    PROCESSOR_JOURNAL_PENDING,
    PROCESSOR_ACCEPT_STATUS,
    PROCESSOR_CORRECTION_USED_RATIO,
    PROCESSOR_CORRECTION_DROPS,
    PROCESSOR_START_TIME,
    PAIRING_CASES,
    PAIRING_VERDICT,
    TELEMETRY_REDACTIONS,
    TELEMETRY_ERRORS,
    TELEMETRY_DROPPED,
)
