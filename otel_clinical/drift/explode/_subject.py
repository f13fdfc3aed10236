"""What a record is about: model, version, activation and segment values, checked against the declared words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_clinical.drift.explode._batch import NO_FEATURES, SEGMENTS
from otel_clinical.drift.explode._bounds import MOST_ATTRIBUTES, bound_attributes
from otel_clinical.drift.explode._values import RefusedError, bad, encounter, ordinal, share, text
from otel_clinical.features import WireError
from otel_clinical.semconv import OTHER, SEGMENT_ATTRIBUTES, attributes
from otel_clinical.semconv.enums import ProcessorRejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from otel_clinical.drift.explode._index import ModelIndex, PolicyIndex
    from otel_clinical.drift.explode._values import Values

SEGMENT_KEYS: Final = tuple(SEGMENT_ATTRIBUTES[name] for name in SEGMENTS)
SUBJECT_KEYS: Final = frozenset(
    {
        attributes.MODEL_NAME,
        attributes.MODEL_VERSION,
        attributes.DEPLOYMENT_ACTIVATION,
        attributes.CONFIDENCE_SCORE,
        *SEGMENT_KEYS,
    }
)
"""Keys that may also stand on the resource, where a Collector's grouping processor moves them."""


@dataclass
class Reader:
    """Reads records of one request and remembers which optional values it set aside.

    Attributes:
        scope: The declared words.
        received: When the request arrived, in microseconds.
        aside: (reason, detail) of each optional value set aside, of all records.
        looked: How many attributes were looked at one by one.
    """

    scope: PolicyIndex
    received: int
    aside: list[tuple[ProcessorRejection, str]] = field(default_factory=list)
    looked: int = 0

    def pick(self, attributes: Sequence[KeyValue], wanted: frozenset[str]) -> dict[str, AnyValue]:
        """Return the values of the `wanted` keys; only those are looked at.

        Raises:
            TooMuchError: The request has more attributes than it may have.
        """
        self.looked += len(attributes)
        if self.looked > MOST_ATTRIBUTES:
            bound_attributes(self.looked)
        return {key: pair.value for pair in attributes if (key := pair.key) in wanted}

    def subject(self, values: Values) -> tuple[int, int, tuple[int, ...], int]:
        """Return the numbers of (model, version, segment values) and the activation.

        An undeclared version or segment value becomes `_OTHER` and is counted: the record still tells how well
        the model does as a whole.

        Raises:
            RefusedError: The model is not declared, or a required value is missing or mistyped.
        """
        model = text(values, attributes.MODEL_NAME)
        declared = self.scope.models.get(model)
        if declared is None:
            raise RefusedError(
                ProcessorRejection.UNKNOWN_MODEL, f"{attributes.MODEL_NAME} is not declared in the policy"
            )
        return (
            self.scope.numbers[model],
            self.scope.numbers[self._version(values, declared)],
            tuple(self._segment(values, key, name, declared) for key, name in _SEGMENTS),
            ordinal(values, attributes.DEPLOYMENT_ACTIVATION),
        )

    def measurement(self, values: Values, key: str) -> int:
        """Return an optional share in millionths; a broken one is set aside and counts as absent."""
        try:
            return share(values, key)
        except RefusedError as refused:
            self.aside.append((refused.reason, refused.detail))
            return -1

    def places(self, values: Values) -> tuple[int, ...]:
        """Return the places of the declared input features; a text that cannot be used is set aside."""
        declared = self.scope.models[text(values, attributes.MODEL_NAME)].features
        try:
            found = declared.read(text(values, attributes.INPUT_FEATURES))
        except WireError as error:
            self.aside.append((ProcessorRejection.BAD_ATTRIBUTE, f"{attributes.INPUT_FEATURES} {error}"))
            return NO_FEATURES
        except RefusedError as refused:
            self.aside.append((refused.reason, refused.detail))
            return NO_FEATURES
        return (*found, *NO_FEATURES[len(found) :])

    def encounter(self, values: Values) -> int:
        """Return 64 bits that stand for an encounter of a model; 0, and set aside, if it is no keyed hash."""
        if attributes.ENCOUNTER_KEY not in values:
            return 0
        try:
            return encounter(values, attributes.ENCOUNTER_KEY)
        except RefusedError as refused:
            self.aside.append((refused.reason, refused.detail))
            return 0

    def _version(self, values: Values, declared: ModelIndex) -> str:
        version = text(values, attributes.MODEL_VERSION)
        if version in declared.versions:
            return version
        if version != OTHER:
            self.aside.append(
                (ProcessorRejection.UNKNOWN_VERSION, f"{attributes.MODEL_VERSION} is not declared in the policy")
            )
        return OTHER

    def _segment(self, values: Values, key: str, name: str, declared: ModelIndex) -> int:
        allowed = declared.segments.get(name)
        if allowed is None or key not in values:
            return 0
        value = values[key]
        if value.WhichOneof("value") != "string_value":
            self.aside.append((ProcessorRejection.BAD_ATTRIBUTE, f"{key} is not text"))
            return self.scope.numbers[OTHER]
        word = value.string_value
        if word in allowed:
            return self.scope.numbers[word]
        if word != OTHER:
            self.aside.append((ProcessorRejection.UNKNOWN_SEGMENT, f"{key} is not declared in the policy"))
        return self.scope.numbers[OTHER]


_SEGMENTS: Final = tuple(zip(SEGMENT_KEYS, (str(name) for name in SEGMENTS), strict=True))
SKEW: Final = 300_000_000
"""Microseconds by which clocks may differ."""


def check_time(reader: Reader, time: int, what: str, *, age_of: int | None = None) -> None:
    """Refuse times that cannot be: 0, ahead of the receiver by 5 minutes, or older than the retention.

    Args:
        reader: Knows when the request arrived, and the retention.
        time: Microseconds since the epoch.
        what: Name of the time, for the rejection.
        age_of: The time whose age matters, if it is another one.
    """
    if time <= 0:
        raise bad(f"{what} is missing or not after 1970")
    if time > reader.received + SKEW:
        raise RefusedError(ProcessorRejection.FUTURE_TIME, f"{what} is more than 5 minutes in the future")
    if reader.received - (time if age_of is None else age_of) > reader.scope.retention * 1e6:
        raise RefusedError(ProcessorRejection.EXPIRED, f"{what} is older than the retention")
