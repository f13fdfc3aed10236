"""Values of attributes. Written by `otel-clinical generate semconv`; do not edit."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AbstentionReason",
    "Assistance",
    "AttributionCause",
    "AttributionReason",
    "BusinessEntry",
    "ConfidenceMethod",
    "DeploymentChangeReason",
    "DeploymentChangeTrigger",
    "DeploymentChangeType",
    "DeploymentRole",
    "DeploymentState",
    "DriftDetector",
    "DriftDirection",
    "EscalationLevel",
    "EstimateValidity",
    "FeedbackCategory",
    "FeedbackChannel",
    "FeedbackRating",
    "InferenceStatus",
    "InputAspect",
    "InputDomain",
    "InputIssueType",
    "InputQualityAction",
    "LinkRelation",
    "OperationName",
    "OutcomeClass",
    "OutcomeResult",
    "OutcomeSource",
    "OverrideReason",
    "ProcessorRejection",
    "ProcessorSignal",
    "QualityMetric",
    "ReviewAction",
    "ReviewAttention",
    "ReviewHorizon",
    "ReviewerRole",
    "RollbackAccessRefusal",
    "RollbackDecision",
    "RollbackGuardName",
    "RollbackGuardResult",
    "RollbackMode",
    "RollbackState",
    "RoutingLevel",
    "RoutingReason",
    "SafetyEventSeverity",
    "SafetyEventType",
    "SegmentName",
    "TargetState",
    "TelemetryComponent",
    "TelemetryRedactionReason",
    "UseCase",
]


class ReviewAction(StrEnum):
    """What the reviewer did with the answer."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    IGNORED = "ignored"
    ESCALATED = "escalated"


class ReviewHorizon(StrEnum):
    """Which review of a suggestion counts, the first or the last before it is resolved."""

    IMMEDIATE = "immediate"
    RESOLVED = "resolved"


class ReviewAttention(StrEnum):
    """Whether an accepted answer was looked at for long enough; unknown without a measured time."""

    BRIEF = "brief"
    CONSIDERED = "considered"
    UNKNOWN = "unknown"


class OverrideReason(StrEnum):
    """Why the reviewer changed or rejected the answer."""

    INCORRECT = "incorrect"
    INCOMPLETE = "incomplete"
    FABRICATED = "fabricated"
    WRONG_CONTEXT = "wrong_context"
    OUTDATED = "outdated"
    UNSAFE = "unsafe"
    STYLE = "style"
    WORKFLOW = "workflow"
    PATIENT_PREFERENCE = "patient_preference"
    OTHER = "_OTHER"


class ReviewerRole(StrEnum):
    """Role of the reviewer, never the person."""

    PHYSICIAN = "physician"
    NURSE = "nurse"
    PHARMACIST = "pharmacist"
    RADIOLOGIST = "radiologist"
    PATHOLOGIST = "pathologist"
    CODER = "coder"
    THERAPIST = "therapist"
    ADMINISTRATOR = "administrator"
    OTHER = "_OTHER"


class OutcomeResult(StrEnum):
    """Whether the answer proved right."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    PARTIAL = "partial"
    INDETERMINATE = "indeterminate"


class OutcomeClass(StrEnum):
    """Cell of the confusion matrix."""

    TRUE_POSITIVE = "true_positive"
    TRUE_NEGATIVE = "true_negative"
    FALSE_POSITIVE = "false_positive"
    FALSE_NEGATIVE = "false_negative"


class OutcomeSource(StrEnum):
    """Where the truth came from."""

    CHART_REVIEW = "chart_review"
    LABORATORY = "laboratory"
    IMAGING_READ = "imaging_read"
    CODING_AUDIT = "coding_audit"
    CLAIM = "claim"
    REGISTRY = "registry"
    CLINICIAN = "clinician"
    AUTOMATED = "automated"
    OTHER = "_OTHER"


class FeedbackRating(StrEnum):
    """Rating given by the user."""

    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


class FeedbackCategory(StrEnum):
    """What the feedback is about; comment text has no attribute."""

    ACCURACY = "accuracy"
    OMISSION = "omission"
    FABRICATION = "fabrication"
    TIMELINESS = "timeliness"
    USABILITY = "usability"
    OTHER = "_OTHER"


class FeedbackChannel(StrEnum):
    """How the feedback arrived."""

    IN_WORKFLOW = "in_workflow"
    SURVEY = "survey"
    HELP_DESK = "help_desk"
    OTHER = "_OTHER"


class SafetyEventSeverity(StrEnum):
    """Severity of the safety event."""

    UNSAFE_CONDITION = "unsafe_condition"
    NEAR_MISS = "near_miss"
    NO_HARM = "no_harm"
    MILD_HARM = "mild_harm"
    MODERATE_HARM = "moderate_harm"
    SEVERE_HARM = "severe_harm"
    DEATH = "death"


class SafetyEventType(StrEnum):
    """Kind of safety event."""

    MEDICATION = "medication"
    WRONG_PATIENT = "wrong_patient"
    OMISSION = "omission"
    FABRICATION = "fabrication"
    DELAY = "delay"
    BIAS = "bias"
    PRIVACY = "privacy"
    OTHER = "_OTHER"


class Assistance(StrEnum):
    """Whether the work was done with the model's help."""

    WITH_AI = "with_ai"
    WITHOUT_AI = "without_ai"


class BusinessEntry(StrEnum):
    """Side of the ledger; counters never go down."""

    CREDIT = "credit"
    DEBIT = "debit"


class InferenceStatus(StrEnum):
    """How the inference ended."""

    COMPLETED = "completed"
    ABSTAINED = "abstained"
    FALLBACK = "fallback"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AbstentionReason(StrEnum):
    """Why the model gave no answer."""

    LOW_CONFIDENCE = "low_confidence"
    LOW_INPUT_QUALITY = "low_input_quality"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    POLICY = "policy"
    MODEL_UNAVAILABLE = "model_unavailable"
    TIMEOUT = "timeout"
    OTHER = "_OTHER"


class ConfidenceMethod(StrEnum):
    """How the confidence was obtained."""

    PROBABILITY = "probability"
    CALIBRATED = "calibrated"
    LOGPROB = "logprob"
    ENSEMBLE = "ensemble"
    CONFORMAL = "conformal"
    SELF_REPORTED = "self_reported"
    HEURISTIC = "heuristic"


class RoutingLevel(StrEnum):
    """Reach granted to the answer: used as is, checked by a person, or not used."""

    STANDARD = "standard"
    ASSISTED = "assisted"
    MANUAL = "manual"


class RoutingReason(StrEnum):
    """Rule that chose the route; names the rule, never the value it saw."""

    CONFIDENCE = "confidence"
    INPUT_QUALITY = "input_quality"
    EDGE_CASE = "edge_case"
    PATIENT_AGE = "patient_age"
    POLYPHARMACY = "polypharmacy"
    LANGUAGE = "language"
    DRIFT = "drift"
    GOVERNANCE_HOLD = "governance_hold"
    ROLLBACK = "rollback"
    OTHER = "_OTHER"


class LinkRelation(StrEnum):
    """What a span link points at."""

    REVIEW_OF = "review_of"
    OUTCOME_OF = "outcome_of"
    FEEDBACK_ON = "feedback_on"
    SAFETY_EVENT_OF = "safety_event_of"
    ROLLBACK_OF = "rollback_of"


class InputQualityAction(StrEnum):
    """What the input-quality gate did with the record."""

    PASS = "pass"
    FLAG = "flag"
    FALLBACK = "fallback"
    REFUSE = "refuse"


class InputDomain(StrEnum):
    """Part of the record an issue was found in."""

    DEMOGRAPHICS = "demographics"
    ENCOUNTER = "encounter"
    MEDICATIONS = "medications"
    ALLERGIES = "allergies"
    PROBLEMS = "problems"
    LABS = "labs"
    VITALS = "vitals"
    NOTES = "notes"
    IMAGING = "imaging"
    CODING = "coding"
    OTHER = "_OTHER"


class InputIssueType(StrEnum):
    """Kind of input-quality issue."""

    MISSING = "missing"
    INVALID_FORMAT = "invalid_format"
    UNMAPPED_CODE = "unmapped_code"
    OUT_OF_RANGE = "out_of_range"
    UNIT_MISMATCH = "unit_mismatch"
    DUPLICATE = "duplicate"
    STALE = "stale"
    FREE_TEXT_IN_CODED_FIELD = "free_text_in_coded_field"
    INCONSISTENT = "inconsistent"
    TRUNCATED = "truncated"
    OTHER = "_OTHER"


class InputAspect(StrEnum):
    """What of a feature moved, its values, how often it is missing, or how often it is of the wrong type."""

    DISTRIBUTION = "distribution"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class UseCase(StrEnum):
    """Clinical use of the model."""

    AMBIENT_DOCUMENTATION = "ambient_documentation"
    DECISION_SUPPORT = "decision_support"
    REVENUE_CYCLE = "revenue_cycle"
    PATIENT_COMMUNICATION = "patient_communication"
    IMAGING = "imaging"
    OTHER = "_OTHER"


class OperationName(StrEnum):
    """What the model does with its input."""

    PREDICT = "predict"
    CLASSIFY = "classify"
    SCORE = "score"
    RANK = "rank"
    GENERATE = "generate"
    SUMMARIZE = "summarize"
    EXTRACT = "extract"
    OTHER = "_OTHER"


class DeploymentRole(StrEnum):
    """Part the version plays for this inference."""

    ACTIVE = "active"
    SHADOW = "shadow"
    CANARY = "canary"


class DeploymentState(StrEnum):
    """State of a version in its deployment."""

    ACTIVE = "active"
    CANARY = "canary"
    SHADOW = "shadow"
    STANDBY = "standby"
    RETIRED = "retired"


class DeploymentChangeType(StrEnum):
    """Kind of deployment change."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"


class DeploymentChangeTrigger(StrEnum):
    """Whether a person or the machine changed the deployment."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class DeploymentChangeReason(StrEnum):
    """Why the deployment changed."""

    ACCURACY = "accuracy"
    OVERRIDE = "override"
    DRIFT = "drift"
    INPUT_QUALITY = "input_quality"
    SAFETY_EVENT = "safety_event"
    ERROR_RATE = "error_rate"
    GOVERNANCE = "governance"
    RELEASE = "release"
    OTHER = "_OTHER"


class QualityMetric(StrEnum):
    """Performance metric under watch."""

    ACCURACY = "accuracy"
    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"
    PPV = "ppv"
    OVERRIDE_RATIO = "override_ratio"
    ABSTENTION_RATIO = "abstention_ratio"
    INPUT_QUALITY = "input_quality"
    CALIBRATION_ERROR = "calibration_error"
    OTHER = "_OTHER"


class DriftDetector(StrEnum):
    """Detector that raised the signal."""

    ADWIN = "adwin"
    E_DETECTOR = "e_detector"
    KSWIN = "kswin"
    PAGE_HINKLEY = "page_hinkley"
    DDM = "ddm"
    HDDM_A = "hddm_a"
    HDDM_W = "hddm_w"
    PSI = "psi"
    KS = "ks"
    WASSERSTEIN = "wasserstein"
    CHI_SQUARE = "chi_square"
    SHARES = "shares"
    VOLUME = "volume"
    RARE_EVENT = "rare_event"
    BIAS = "bias"
    OTHER = "_OTHER"


class DriftDirection(StrEnum):
    """Direction of the change."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


class EstimateValidity(StrEnum):
    """Whether the estimated performance may be believed, or the first reason why not."""

    VALID = "valid"
    NO_REFERENCE = "no_reference"
    MISCALIBRATED = "miscalibrated"
    UNVERIFIED = "unverified"
    FEW_INFERENCES = "few_inferences"
    OUTSIDE_REFERENCE = "outside_reference"


class EscalationLevel(StrEnum):
    """Tier of escalation."""

    NONE = "none"
    ENGINEERING_REVIEW = "engineering_review"
    GOVERNANCE_REVIEW = "governance_review"
    ROLLBACK = "rollback"


class AttributionCause(StrEnum):
    """What a drop of performance is put down to."""

    VERSION = "version"
    ENVIRONMENT = "environment"
    INPUT = "input"
    LABEL_FEED = "label_feed"
    UNKNOWN = "unknown"


class AttributionReason(StrEnum):
    """What speaks for the cause that a drop of performance is put down to."""

    LABEL_COVERAGE = "label_coverage"
    LABEL_SILENCE = "label_silence"
    PREVIOUS_BETTER = "previous_better"
    PREVIOUS_NO_BETTER = "previous_no_better"
    OTHER_MODEL = "other_model"
    INPUT_QUALITY = "input_quality"
    INPUT_FEATURE = "input_feature"
    ONE_SOURCE = "one_source"
    AFTER_ACTIVATION = "after_activation"
    BEFORE_ACTIVATION = "before_activation"
    LONG_AFTER_ACTIVATION = "long_after_activation"
    UNDATED = "undated"


class ProcessorSignal(StrEnum):
    """What the processor took the event for."""

    INFERENCE = "inference"
    OUTCOME = "outcome"
    REVIEW = "review"
    CHANGE = "change"
    SAFETY = "safety"
    OTHER = "other"


class ProcessorRejection(StrEnum):
    """Why the processor did not use an event."""

    UNDECODABLE = "undecodable"
    BAD_ATTRIBUTE = "bad_attribute"
    NON_FINITE = "non_finite"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_SEGMENT = "unknown_segment"
    UNKNOWN_VERSION = "unknown_version"
    FUTURE_TIME = "future_time"
    EXPIRED = "expired"
    DUPLICATE = "duplicate"
    FORGED = "forged"
    LATE = "late"
    OVERSIZED = "oversized"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    RATE_LIMITED = "rate_limited"
    UNAUTHENTICATED = "unauthenticated"


class RollbackState(StrEnum):
    """State of the rollback state machine."""

    DISARMED = "disarmed"
    HEALTHY = "healthy"
    ENGINEERING_REVIEW = "engineering_review"
    GOVERNANCE_REVIEW = "governance_review"
    DECIDING = "deciding"
    ANNOUNCED = "announced"
    RECOMMENDED = "recommended"
    ROLLING_BACK = "rolling_back"
    CONVERGING = "converging"
    VERIFYING = "verifying"
    ROLLED_BACK = "rolled_back"
    SAFE_MODE = "safe_mode"
    HOLD = "hold"
    INCONCLUSIVE = "inconclusive"
    MANUAL_ROUTE = "manual_route"
    STUCK = "stuck"
    OVERRIDDEN = "overridden"
    STALE = "stale"
    BLIND = "blind"


class RollbackDecision(StrEnum):
    """Decision taken on an alert."""

    ROLLBACK = "rollback"
    SAFE_MODE = "safe_mode"
    HOLD = "hold"
    INCONCLUSIVE = "inconclusive"
    STALE = "stale"
    REFUSED = "refused"


class RollbackMode(StrEnum):
    """How far the controller may act on its own."""

    OBSERVE = "observe"
    RECOMMEND = "recommend"
    ENFORCE = "enforce"


class TargetState(StrEnum):
    """Whether a place that follows the release pointer serves what it names."""

    IN_STEP = "in_step"
    CONVERGING = "converging"
    OVERRIDDEN = "overridden"
    DENIED = "denied"
    UNREACHABLE = "unreachable"


class RollbackGuardName(StrEnum):
    """Check that an automatic decision must pass."""

    ACTIVE_VERSION = "active_version"
    SAMPLE = "sample"
    LABEL_HEALTH = "label_health"
    COMMON_CAUSE = "common_cause"
    TELEMETRY = "telemetry"
    BASELINE = "baseline"
    CONFIRMATION = "confirmation"
    ALERT_AGE = "alert_age"
    COUNTERFACTUAL = "counterfactual"
    CASE_MIX = "case_mix"
    ATTRIBUTION = "attribution"
    LIMITS = "limits"
    OTHER = "_OTHER"


class RollbackGuardResult(StrEnum):
    """Result of a guard; `not_compared` where there is nothing to compare with."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_COMPARED = "not_compared"


class RollbackAccessRefusal(StrEnum):
    """What of a request to the controller was not believed or not allowed."""

    IDENTITY_HEADER = "identity_header"
    LOGIN = "login"
    FORM = "form"
    PAGE = "page"
    TOKEN = "token"
    SIGNATURE = "signature"
    CERTIFICATE = "certificate"
    HANDSHAKE = "handshake"
    LINK = "link"
    ACT = "act"
    ORDER = "order"


class TelemetryComponent(StrEnum):
    """Part of the instrumentation a self-metric is about."""

    DECORATOR = "decorator"
    RECEIPT = "receipt"
    REDACTOR = "redactor"
    DRIFT = "drift"
    ROUTING = "routing"
    EXPORTER = "exporter"
    CONFIG = "config"
    QUEUE = "queue"
    WORKER = "worker"
    EXTRACTOR = "extractor"


class TelemetryRedactionReason(StrEnum):
    """Why a value was withheld."""

    NOT_DECLARED = "not_declared"
    NOT_ALLOWED = "not_allowed"
    PATTERN = "pattern"
    TOO_LONG = "too_long"
    BAD_TYPE = "bad_type"
    NON_FINITE = "non_finite"
    CARDINALITY = "cardinality"


class SegmentName(StrEnum):
    """Segment dimension of a metric point; `all` for the aggregate."""

    SITE = "site"
    DEPARTMENT = "department"
    ENCOUNTER_TYPE = "encounter_type"
    PAYER = "payer"
    SOURCE_SYSTEM = "source_system"
    LANGUAGE = "language"
    AGE_GROUP = "age_group"
    SPECIALTY = "specialty"
