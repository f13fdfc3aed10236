"""Attribute keys. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ABSTENTION_REASON",
    "ASSISTANCE",
    "ATTRIBUTION_CAUSE",
    "ATTRIBUTION_REASON",
    "BASELINE_HASH",
    "BUSINESS_CATEGORY",
    "BUSINESS_CURRENCY",
    "BUSINESS_ENTRY",
    "CALIBRATION_BIN",
    "CONFIDENCE_METHOD",
    "CONFIDENCE_SCORE",
    "DEPLOYMENT_ACTIVATION",
    "DEPLOYMENT_CHANGE_REASON",
    "DEPLOYMENT_CHANGE_TRIGGER",
    "DEPLOYMENT_CHANGE_TYPE",
    "DEPLOYMENT_ENVIRONMENT_NAME",
    "DEPLOYMENT_ROLE",
    "DEPLOYMENT_STATE",
    "DRIFT_DETECTOR",
    "DRIFT_DIRECTION",
    "DRIFT_SIGNAL",
    "ENCOUNTER_KEY",
    "ERROR_TYPE",
    "ESCALATION_LEVEL",
    "ESTIMATE_VALIDITY",
    "EVENT_ID",
    "FEEDBACK_CATEGORY",
    "FEEDBACK_CHANNEL",
    "FEEDBACK_RATING",
    "HTTP_RESPONSE_STATUS_CODE",
    "INFERENCE_ID",
    "INFERENCE_STATUS",
    "INFERENCE_TIME",
    "INPUT_ASPECT",
    "INPUT_DOMAIN",
    "INPUT_FEATURE",
    "INPUT_FEATURES",
    "INPUT_FIELD_NAME",
    "INPUT_ISSUE_TYPE",
    "INPUT_QUALITY_ACTION",
    "INPUT_QUALITY_SCORE",
    "INPUT_SCHEMA_VERSION",
    "LINK_RELATION",
    "MODEL_DIGEST",
    "MODEL_NAME",
    "MODEL_PREVIOUS_VERSION",
    "MODEL_PROVIDER",
    "MODEL_VERSION",
    "OPERATION_NAME",
    "OUTCOME_CLASS",
    "OUTCOME_RESULT",
    "OUTCOME_SCORE",
    "OUTCOME_SOURCE",
    "OVERRIDE_REASON",
    "PROCESSOR_REJECTION",
    "PROCESSOR_SIGNAL",
    "QUALITY_METRIC",
    "REVIEWER_HASH",
    "REVIEWER_ROLE",
    "REVIEW_ACTION",
    "REVIEW_ATTENTION",
    "REVIEW_DURATION",
    "REVIEW_EDIT_RATIO",
    "REVIEW_HORIZON",
    "ROLLBACK_ACCESS_REFUSAL",
    "ROLLBACK_AUDIT_HASH",
    "ROLLBACK_AUDIT_SEQUENCE",
    "ROLLBACK_AUDIT_SIGNATURE",
    "ROLLBACK_DECISION",
    "ROLLBACK_GUARD_NAME",
    "ROLLBACK_GUARD_RESULT",
    "ROLLBACK_INCIDENT_ID",
    "ROLLBACK_MODE",
    "ROLLBACK_STATE",
    "ROUTER_EPOCH",
    "ROUTING_LEVEL",
    "ROUTING_REASON",
    "ROUTING_RULE_ID",
    "SAFETY_EVENT_SEVERITY",
    "SAFETY_EVENT_TYPE",
    "SAFETY_REPORT_ID",
    "SEGMENT_AGE_GROUP",
    "SEGMENT_DEPARTMENT",
    "SEGMENT_ENCOUNTER_TYPE",
    "SEGMENT_LANGUAGE",
    "SEGMENT_NAME",
    "SEGMENT_PAYER",
    "SEGMENT_SITE",
    "SEGMENT_SOURCE_SYSTEM",
    "SEGMENT_SPECIALTY",
    "SEGMENT_VALUE",
    "SERVICE_INSTANCE_ID",
    "SERVICE_NAME",
    "SERVICE_NAMESPACE",
    "SERVICE_VERSION",
    "TARGET_NAME",
    "TARGET_STATE",
    "TASK_NAME",
    "TELEMETRY_COMPONENT",
    "TELEMETRY_REDACTION_REASON",
    "TELEMETRY_SDK_LANGUAGE",
    "TELEMETRY_SDK_NAME",
    "TELEMETRY_SDK_VERSION",
    "USE_CASE",
]

REVIEW_ACTION: Final = "clinical_ai.review.action"
"""What the reviewer did with the answer."""

REVIEW_EDIT_RATIO: Final = "clinical_ai.review.edit.ratio"
"""Share of the answer the reviewer changed, from 0 to 1; never the text."""

REVIEW_DURATION: Final = "clinical_ai.review.duration"
"""Seconds somebody actively looked at the answer, as the application measured them; never made up."""

REVIEW_HORIZON: Final = "clinical_ai.review.horizon"
"""Which review of a suggestion counts, the first or the last before it is resolved."""

REVIEW_ATTENTION: Final = "clinical_ai.review.attention"
"""Whether an accepted answer was looked at for long enough; unknown without a measured time."""

OVERRIDE_REASON: Final = "clinical_ai.override.reason"
"""Why the reviewer changed or rejected the answer."""

REVIEWER_ROLE: Final = "clinical_ai.reviewer.role"
"""Role of the reviewer, never the person."""

REVIEWER_HASH: Final = "clinical_ai.reviewer.hash"
"""Keyed hash of the reviewer, under a rotating key; opt-in."""

OUTCOME_RESULT: Final = "clinical_ai.outcome.result"
"""Whether the answer proved right."""

OUTCOME_CLASS: Final = "clinical_ai.outcome.class"
"""Cell of the confusion matrix."""

ENCOUNTER_KEY: Final = "clinical_ai.encounter.key"
"""Keyed hash of the encounter, made where the outcome is reported: 32 hexadecimal digits."""

OUTCOME_SCORE: Final = "clinical_ai.outcome.score"
"""How right the answer was, from 0 to 1; 1 is fully right."""

OUTCOME_SOURCE: Final = "clinical_ai.outcome.source"
"""Where the truth came from."""

FEEDBACK_RATING: Final = "clinical_ai.feedback.rating"
"""Rating given by the user."""

FEEDBACK_CATEGORY: Final = "clinical_ai.feedback.category"
"""What the feedback is about; comment text has no attribute."""

FEEDBACK_CHANNEL: Final = "clinical_ai.feedback.channel"
"""How the feedback arrived."""

SAFETY_EVENT_SEVERITY: Final = "clinical_ai.safety.event.severity"
"""Severity of the safety event."""

SAFETY_EVENT_TYPE: Final = "clinical_ai.safety.event.type"
"""Kind of safety event."""

SAFETY_REPORT_ID: Final = "clinical_ai.safety.report.id"
"""Opaque identifier given by the incident-reporting system; opt-in."""

ASSISTANCE: Final = "clinical_ai.assistance"
"""Whether the work was done with the model's help."""

TASK_NAME: Final = "clinical_ai.task.name"
"""Declared name of a unit of work whose duration is compared."""

BUSINESS_CURRENCY: Final = "clinical_ai.business.currency"
"""ISO 4217 currency code."""

BUSINESS_ENTRY: Final = "clinical_ai.business.entry"
"""Side of the ledger; counters never go down."""

BUSINESS_CATEGORY: Final = "clinical_ai.business.category"
"""Declared category of cost or risk event."""

INFERENCE_ID: Final = "clinical_ai.inference.id"
"""Random identifier of the inference: 128 bits as 32 hexadecimal digits."""

INFERENCE_TIME: Final = "clinical_ai.inference.time"
"""When the inference started, in seconds since the Unix epoch."""

INFERENCE_STATUS: Final = "clinical_ai.inference.status"
"""How the inference ended."""

ABSTENTION_REASON: Final = "clinical_ai.abstention.reason"
"""Why the model gave no answer."""

CONFIDENCE_SCORE: Final = "clinical_ai.confidence.score"
"""Confidence of the answer, from 0 to 1."""

CONFIDENCE_METHOD: Final = "clinical_ai.confidence.method"
"""How the confidence was obtained."""

ROUTING_LEVEL: Final = "clinical_ai.routing.level"
"""Reach granted to the answer: used as is, checked by a person, or not used."""

ROUTING_REASON: Final = "clinical_ai.routing.reason"
"""Rule that chose the route; names the rule, never the value it saw."""

ROUTING_RULE_ID: Final = "clinical_ai.routing.rule.id"
"""Identifier of the routing rule."""

EVENT_ID: Final = "clinical_ai.event.id"
"""Random identifier of the event: 32 hexadecimal digits; the key for dropping duplicates."""

LINK_RELATION: Final = "clinical_ai.link.relation"
"""What a span link points at."""

INPUT_QUALITY_SCORE: Final = "clinical_ai.input.quality.score"
"""Quality of the input record, from 0 to 1."""

INPUT_QUALITY_ACTION: Final = "clinical_ai.input.quality.action"
"""What the input-quality gate did with the record."""

INPUT_DOMAIN: Final = "clinical_ai.input.domain"
"""Part of the record an issue was found in."""

INPUT_ISSUE_TYPE: Final = "clinical_ai.input.issue.type"
"""Kind of input-quality issue."""

INPUT_FIELD_NAME: Final = "clinical_ai.input.field.name"
"""Field of the declared input schema, never a value."""

INPUT_FEATURES: Final = "clinical_ai.input.features"
"""Bins of the declared input features, one letter each, after a digest of the bins; never a value."""

INPUT_FEATURE: Final = "clinical_ai.input.feature"
"""Input feature that the policy declares; `confidence` is the confidence itself."""

INPUT_ASPECT: Final = "clinical_ai.input.aspect"
"""What of a feature moved, its values, how often it is missing, or how often it is of the wrong type."""

INPUT_SCHEMA_VERSION: Final = "clinical_ai.input.schema.version"
"""Version of the declared input schema."""

USE_CASE: Final = "clinical_ai.use_case"
"""Clinical use of the model."""

OPERATION_NAME: Final = "clinical_ai.operation.name"
"""What the model does with its input."""

MODEL_NAME: Final = "clinical_ai.model.name"
"""Name of the model as the policy declares it."""

MODEL_VERSION: Final = "clinical_ai.model.version"
"""Version of the model that answered."""

MODEL_PROVIDER: Final = "clinical_ai.model.provider"
"""Organisation that supplies the model."""

MODEL_DIGEST: Final = "clinical_ai.model.digest"
"""SHA-256 of the model's weights, in hexadecimal."""

MODEL_PREVIOUS_VERSION: Final = "clinical_ai.model.previous_version"
"""Version that served before a deployment change."""

DEPLOYMENT_ROLE: Final = "clinical_ai.deployment.role"
"""Part the version plays for this inference."""

DEPLOYMENT_STATE: Final = "clinical_ai.deployment.state"
"""State of a version in its deployment."""

DEPLOYMENT_ACTIVATION: Final = "clinical_ai.deployment.activation"
"""Ordinal of the activation that served the inference."""

DEPLOYMENT_CHANGE_TYPE: Final = "clinical_ai.deployment.change.type"
"""Kind of deployment change."""

DEPLOYMENT_CHANGE_TRIGGER: Final = "clinical_ai.deployment.change.trigger"
"""Whether a person or the machine changed the deployment."""

DEPLOYMENT_CHANGE_REASON: Final = "clinical_ai.deployment.change.reason"
"""Why the deployment changed."""

ROUTER_EPOCH: Final = "clinical_ai.router.epoch"
"""Epoch of the release pointer that routed the inference."""

QUALITY_METRIC: Final = "clinical_ai.quality.metric"
"""Performance metric under watch."""

BASELINE_HASH: Final = "clinical_ai.baseline.hash"
"""Hash of the frozen baseline in use."""

DRIFT_SIGNAL: Final = "clinical_ai.drift.signal"
"""Stream the detector watches."""

DRIFT_DETECTOR: Final = "clinical_ai.drift.detector"
"""Detector that raised the signal."""

DRIFT_DIRECTION: Final = "clinical_ai.drift.direction"
"""Direction of the change."""

ESTIMATE_VALIDITY: Final = "clinical_ai.estimate.validity"
"""Whether the estimated performance may be believed, or the first reason why not."""

CALIBRATION_BIN: Final = "clinical_ai.calibration.bin"
"""Range of the confidence in percent."""

ESCALATION_LEVEL: Final = "clinical_ai.escalation.level"
"""Tier of escalation."""

ATTRIBUTION_CAUSE: Final = "clinical_ai.attribution.cause"
"""What a drop of performance is put down to."""

ATTRIBUTION_REASON: Final = "clinical_ai.attribution.reason"
"""What speaks for the cause that a drop of performance is put down to."""

PROCESSOR_SIGNAL: Final = "clinical_ai.processor.signal"
"""What the processor took the event for."""

PROCESSOR_REJECTION: Final = "clinical_ai.processor.rejection"
"""Why the processor did not use an event."""

ROLLBACK_STATE: Final = "clinical_ai.rollback.state"
"""State of the rollback state machine."""

ROLLBACK_DECISION: Final = "clinical_ai.rollback.decision"
"""Decision taken on an alert."""

ROLLBACK_MODE: Final = "clinical_ai.rollback.mode"
"""How far the controller may act on its own."""

TARGET_NAME: Final = "clinical_ai.target.name"
"""Name of a place that follows the release pointer, as in the policy."""

TARGET_STATE: Final = "clinical_ai.target.state"
"""Whether a place that follows the release pointer serves what it names."""

ROLLBACK_GUARD_NAME: Final = "clinical_ai.rollback.guard.name"
"""Check that an automatic decision must pass."""

ROLLBACK_GUARD_RESULT: Final = "clinical_ai.rollback.guard.result"
"""Result of a guard; `not_compared` where there is nothing to compare with."""

ROLLBACK_ACCESS_REFUSAL: Final = "clinical_ai.rollback.access.refusal"
"""What of a request to the controller was not believed or not allowed."""

ROLLBACK_INCIDENT_ID: Final = "clinical_ai.rollback.incident.id"
"""Identifier of the incident in the controller's audit."""

ROLLBACK_AUDIT_SEQUENCE: Final = "clinical_ai.rollback.audit.sequence"
"""Sequence number of an event in the controller's audit."""

ROLLBACK_AUDIT_HASH: Final = "clinical_ai.rollback.audit.hash"
"""Hash of an event of the controller's audit, which covers all before it."""

ROLLBACK_AUDIT_SIGNATURE: Final = "clinical_ai.rollback.audit.signature"
"""Ed25519 signature of a checkpoint of the audit, in hexadecimal."""

TELEMETRY_COMPONENT: Final = "clinical_ai.telemetry.component"
"""Part of the instrumentation a self-metric is about."""

TELEMETRY_REDACTION_REASON: Final = "clinical_ai.telemetry.redaction.reason"
"""Why a value was withheld."""

SEGMENT_NAME: Final = "clinical_ai.segment.name"
"""Segment dimension of a metric point; `all` for the aggregate."""

SEGMENT_VALUE: Final = "clinical_ai.segment.value"
"""Declared value of the segment; `_OTHER` when undeclared, `all` for the aggregate."""

SEGMENT_SITE: Final = "clinical_ai.segment.site"
"""Hospital or clinic. A declared value, else `_OTHER`."""

SEGMENT_DEPARTMENT: Final = "clinical_ai.segment.department"
"""Department or service line. A declared value, else `_OTHER`."""

SEGMENT_ENCOUNTER_TYPE: Final = "clinical_ai.segment.encounter_type"
"""Kind of encounter. A declared value, else `_OTHER`."""

SEGMENT_PAYER: Final = "clinical_ai.segment.payer"
"""Payer group, never a member or plan identifier. A declared value, else `_OTHER`."""

SEGMENT_SOURCE_SYSTEM: Final = "clinical_ai.segment.source_system"
"""System that supplied the record. A declared value, else `_OTHER`."""

SEGMENT_LANGUAGE: Final = "clinical_ai.segment.language"
"""Language of the encounter. A declared value, else `_OTHER`."""

SEGMENT_AGE_GROUP: Final = "clinical_ai.segment.age_group"
"""Age band; bands above 89 are one band. A declared value, else `_OTHER`."""

SEGMENT_SPECIALTY: Final = "clinical_ai.segment.specialty"
"""Specialty of the clinician or of the read. A declared value, else `_OTHER`."""

ERROR_TYPE: Final = "error.type"
"""Qualified name of the error's class or its status code."""

HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
"""HTTP response status code."""

SERVICE_NAME: Final = "service.name"
"""Logical name of the service."""

SERVICE_NAMESPACE: Final = "service.namespace"
"""Namespace of the service."""

SERVICE_VERSION: Final = "service.version"
"""Version of the service."""

SERVICE_INSTANCE_ID: Final = "service.instance.id"
"""Random identifier of the service instance."""

DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"
"""Deployment environment."""

TELEMETRY_SDK_NAME: Final = "telemetry.sdk.name"
"""Name of the telemetry SDK."""

TELEMETRY_SDK_LANGUAGE: Final = "telemetry.sdk.language"
"""Language of the telemetry SDK."""

TELEMETRY_SDK_VERSION: Final = "telemetry.sdk.version"
"""Version of the telemetry SDK."""
