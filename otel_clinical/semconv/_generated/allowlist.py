"""What may leave the process. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from otel_clinical.semconv._definitions import AttributeRule

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ATTRIBUTES",
    "RESOURCE",
]

ATTRIBUTES: Final[Mapping[str, AttributeRule]] = MappingProxyType(
    {
        "clinical_ai.review.action": AttributeRule("string", "none", "required", None, frozenset({"accepted", "edited", "rejected", "ignored", "escalated"})),
        "clinical_ai.review.edit.ratio": AttributeRule("double", "none", "never", None, None),
        "clinical_ai.review.duration": AttributeRule("double", "none", "never", None, None),
        "clinical_ai.review.horizon": AttributeRule("string", "none", "required", None, frozenset({"immediate", "resolved"})),
        "clinical_ai.review.attention": AttributeRule("string", "none", "required", None, frozenset({"brief", "considered", "unknown"})),
        "clinical_ai.override.reason": AttributeRule("string", "none", "required", None, frozenset({"incorrect", "incomplete", "fabricated", "wrong_context", "outdated", "unsafe", "style", "workflow", "patient_preference", "_OTHER"})),
        "clinical_ai.reviewer.role": AttributeRule("string", "workforce", "opt_in", None, frozenset({"physician", "nurse", "pharmacist", "radiologist", "pathologist", "coder", "therapist", "administrator", "_OTHER"})),
        "clinical_ai.reviewer.hash": AttributeRule("string", "workforce", "never", 64, None),
        "clinical_ai.outcome.result": AttributeRule("string", "none", "required", None, frozenset({"correct", "incorrect", "partial", "indeterminate"})),
        "clinical_ai.outcome.class": AttributeRule("string", "none", "recommended", None, frozenset({"true_positive", "true_negative", "false_positive", "false_negative"})),
        "clinical_ai.encounter.key": AttributeRule("string", "linkable", "never", 32, None),
        "clinical_ai.outcome.score": AttributeRule("double", "none", "never", None, None),
        "clinical_ai.outcome.source": AttributeRule("string", "none", "required", None, frozenset({"chart_review", "laboratory", "imaging_read", "coding_audit", "claim", "registry", "clinician", "automated", "_OTHER"})),
        "clinical_ai.feedback.rating": AttributeRule("string", "none", "required", None, frozenset({"positive", "neutral", "negative"})),
        "clinical_ai.feedback.category": AttributeRule("string", "none", "recommended", None, frozenset({"accuracy", "omission", "fabrication", "timeliness", "usability", "_OTHER"})),
        "clinical_ai.feedback.channel": AttributeRule("string", "none", "recommended", None, frozenset({"in_workflow", "survey", "help_desk", "_OTHER"})),
        "clinical_ai.safety.event.severity": AttributeRule("string", "none", "required", None, frozenset({"unsafe_condition", "near_miss", "no_harm", "mild_harm", "moderate_harm", "severe_harm", "death"})),
        "clinical_ai.safety.event.type": AttributeRule("string", "none", "required", None, frozenset({"medication", "wrong_patient", "omission", "fabrication", "delay", "bias", "privacy", "_OTHER"})),
        "clinical_ai.safety.report.id": AttributeRule("string", "linkable", "never", 64, None),
        "clinical_ai.assistance": AttributeRule("string", "none", "required", None, frozenset({"with_ai", "without_ai"})),
        "clinical_ai.task.name": AttributeRule("string", "none", "required", 64, None),
        "clinical_ai.business.currency": AttributeRule("string", "none", "required", 3, None),
        "clinical_ai.business.entry": AttributeRule("string", "none", "required", None, frozenset({"credit", "debit"})),
        "clinical_ai.business.category": AttributeRule("string", "none", "recommended", 64, None),
        "clinical_ai.inference.id": AttributeRule("string", "linkable", "never", 36, None),
        "clinical_ai.inference.time": AttributeRule("double", "none", "never", None, None),
        "clinical_ai.inference.status": AttributeRule("string", "none", "required", None, frozenset({"completed", "abstained", "fallback", "failed", "cancelled"})),
        "clinical_ai.abstention.reason": AttributeRule("string", "none", "required", None, frozenset({"low_confidence", "low_input_quality", "out_of_distribution", "policy", "model_unavailable", "timeout", "_OTHER"})),
        "clinical_ai.confidence.score": AttributeRule("double", "none", "never", None, None),
        "clinical_ai.confidence.method": AttributeRule("string", "none", "never", None, frozenset({"probability", "calibrated", "logprob", "ensemble", "conformal", "self_reported", "heuristic"})),
        "clinical_ai.routing.level": AttributeRule("string", "none", "required", None, frozenset({"standard", "assisted", "manual"})),
        "clinical_ai.routing.reason": AttributeRule("string", "quasi", "required", None, frozenset({"confidence", "input_quality", "edge_case", "patient_age", "polypharmacy", "language", "drift", "governance_hold", "rollback", "_OTHER"})),
        "clinical_ai.routing.rule.id": AttributeRule("string", "none", "opt_in", 64, None),
        "clinical_ai.event.id": AttributeRule("string", "linkable", "never", 36, None),
        "clinical_ai.link.relation": AttributeRule("string", "none", "never", None, frozenset({"review_of", "outcome_of", "feedback_on", "safety_event_of", "rollback_of"})),
        "clinical_ai.input.quality.score": AttributeRule("double", "none", "never", None, None),
        "clinical_ai.input.quality.action": AttributeRule("string", "none", "required", None, frozenset({"pass", "flag", "fallback", "refuse"})),
        "clinical_ai.input.domain": AttributeRule("string", "none", "recommended", None, frozenset({"demographics", "encounter", "medications", "allergies", "problems", "labs", "vitals", "notes", "imaging", "coding", "_OTHER"})),
        "clinical_ai.input.issue.type": AttributeRule("string", "none", "required", None, frozenset({"missing", "invalid_format", "unmapped_code", "out_of_range", "unit_mismatch", "duplicate", "stale", "free_text_in_coded_field", "inconsistent", "truncated", "_OTHER"})),
        "clinical_ai.input.field.name": AttributeRule("string", "quasi", "opt_in", 64, None),
        "clinical_ai.input.features": AttributeRule("string", "quasi", "never", 32, None),
        "clinical_ai.input.schema.version": AttributeRule("string", "none", "never", 32, None),
        "clinical_ai.use_case": AttributeRule("string", "none", "required", None, frozenset({"ambient_documentation", "decision_support", "revenue_cycle", "patient_communication", "imaging", "_OTHER"})),
        "clinical_ai.operation.name": AttributeRule("string", "none", "never", None, frozenset({"predict", "classify", "score", "rank", "generate", "summarize", "extract", "_OTHER"})),
        "clinical_ai.model.name": AttributeRule("string", "none", "required", 64, None),
        "clinical_ai.model.version": AttributeRule("string", "none", "required", 64, None),
        "clinical_ai.model.provider": AttributeRule("string", "none", "never", 64, None),
        "clinical_ai.model.digest": AttributeRule("string", "none", "never", 64, None),
        "clinical_ai.model.previous_version": AttributeRule("string", "none", "never", 64, None),
        "clinical_ai.deployment.role": AttributeRule("string", "none", "required", None, frozenset({"active", "shadow", "canary"})),
        "clinical_ai.deployment.state": AttributeRule("string", "none", "required", None, frozenset({"active", "canary", "shadow", "standby", "retired"})),
        "clinical_ai.deployment.activation": AttributeRule("int", "none", "never", None, None),
        "clinical_ai.deployment.change.type": AttributeRule("string", "none", "required", None, frozenset({"promote", "rollback", "pause", "resume"})),
        "clinical_ai.deployment.change.trigger": AttributeRule("string", "none", "required", None, frozenset({"automatic", "manual"})),
        "clinical_ai.deployment.change.reason": AttributeRule("string", "none", "recommended", None, frozenset({"accuracy", "override", "drift", "input_quality", "safety_event", "error_rate", "governance", "release", "_OTHER"})),
        "clinical_ai.router.epoch": AttributeRule("int", "none", "never", None, None),
        "clinical_ai.quality.metric": AttributeRule("string", "none", "required", None, frozenset({"accuracy", "sensitivity", "specificity", "ppv", "override_ratio", "abstention_ratio", "input_quality", "calibration_error", "_OTHER"})),
        "clinical_ai.baseline.hash": AttributeRule("string", "none", "required", 64, None),
        "clinical_ai.drift.signal": AttributeRule("string", "none", "required", 64, None),
        "clinical_ai.drift.detector": AttributeRule("string", "none", "required", None, frozenset({"adwin", "e_detector", "kswin", "page_hinkley", "ddm", "hddm_a", "hddm_w", "psi", "ks", "_OTHER"})),
        "clinical_ai.drift.direction": AttributeRule("string", "none", "required", None, frozenset({"up", "down", "both"})),
        "clinical_ai.estimate.validity": AttributeRule("string", "none", "required", None, frozenset({"valid", "no_reference", "miscalibrated", "unverified", "few_inferences", "outside_reference"})),
        "clinical_ai.calibration.bin": AttributeRule("string", "none", "required", 8, None),
        "clinical_ai.escalation.level": AttributeRule("string", "none", "required", None, frozenset({"none", "engineering_review", "governance_review", "rollback"})),
        "clinical_ai.attribution.cause": AttributeRule("string", "none", "required", None, frozenset({"version", "environment", "input", "label_feed", "unknown"})),
        "clinical_ai.processor.signal": AttributeRule("string", "none", "required", None, frozenset({"inference", "outcome", "review", "change", "other"})),
        "clinical_ai.processor.rejection": AttributeRule("string", "none", "required", None, frozenset({"undecodable", "bad_attribute", "non_finite", "unknown_model", "unknown_segment", "unknown_version", "future_time", "expired", "duplicate", "forged", "late", "oversized", "wrong_content_type", "rate_limited", "unauthenticated"})),
        "clinical_ai.rollback.state": AttributeRule("string", "none", "required", None, frozenset({"disarmed", "healthy", "deciding", "recommended", "rolling_back", "converging", "verifying", "rolled_back", "safe_mode", "hold", "inconclusive", "manual_route", "stuck", "overridden", "stale", "blind"})),
        "clinical_ai.rollback.decision": AttributeRule("string", "none", "required", None, frozenset({"rollback", "safe_mode", "hold", "inconclusive", "stale", "refused"})),
        "clinical_ai.rollback.mode": AttributeRule("string", "none", "required", None, frozenset({"observe", "recommend", "enforce"})),
        "clinical_ai.target.name": AttributeRule("string", "none", "required", 63, None),
        "clinical_ai.target.state": AttributeRule("string", "none", "required", None, frozenset({"in_step", "converging", "overridden", "denied", "unreachable"})),
        "clinical_ai.rollback.guard.name": AttributeRule("string", "none", "required", None, frozenset({"active_version", "sample", "label_health", "common_cause", "telemetry", "baseline", "confirmation", "alert_age", "counterfactual", "case_mix", "attribution", "limits", "_OTHER"})),
        "clinical_ai.rollback.guard.result": AttributeRule("string", "none", "required", None, frozenset({"pass", "fail", "unknown"})),
        "clinical_ai.rollback.access.refusal": AttributeRule("string", "none", "required", None, frozenset({"identity_header", "login", "form"})),
        "clinical_ai.rollback.incident.id": AttributeRule("string", "none", "never", 64, None),
        "clinical_ai.telemetry.component": AttributeRule("string", "none", "required", None, frozenset({"decorator", "receipt", "redactor", "drift", "routing", "exporter", "config", "queue", "worker", "extractor"})),
        "clinical_ai.telemetry.redaction.reason": AttributeRule("string", "none", "required", None, frozenset({"not_declared", "not_allowed", "pattern", "too_long", "bad_type", "non_finite", "cardinality"})),
        "clinical_ai.segment.name": AttributeRule("string", "quasi", "required", None, frozenset({"site", "department", "encounter_type", "payer", "source_system", "language", "age_group", "specialty", "all"})),
        "clinical_ai.segment.value": AttributeRule("string", "quasi", "required", 64, None),
        "clinical_ai.segment.site": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.department": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.encounter_type": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.payer": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.source_system": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.language": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.age_group": AttributeRule("string", "quasi", "never", 64, None),
        "clinical_ai.segment.specialty": AttributeRule("string", "quasi", "never", 64, None),
        "error.type": AttributeRule("string", "none", "required", 128, None),
        "http.response.status_code": AttributeRule("int", "none", "required", None, None),
    }
)

RESOURCE: Final[Mapping[str, AttributeRule]] = MappingProxyType(
    {
        "service.name": AttributeRule("string", "none", "never", 128, None),
        "service.namespace": AttributeRule("string", "none", "never", 128, None),
        "service.version": AttributeRule("string", "none", "never", 64, None),
        "service.instance.id": AttributeRule("string", "none", "never", 64, None),
        "deployment.environment.name": AttributeRule("string", "none", "never", 64, None),
        "telemetry.sdk.name": AttributeRule("string", "none", "never", 32, None),
        "telemetry.sdk.language": AttributeRule("string", "none", "never", 32, None),
        "telemetry.sdk.version": AttributeRule("string", "none", "never", 32, None),
    }
)
