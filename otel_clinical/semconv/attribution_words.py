"""What speaks for the cause of a drop, in words that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.semconv.enums import AttributionReason

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS: Final[Mapping[str, str]] = {
    AttributionReason.LABEL_COVERAGE: "too few mature inferences have an outcome",
    AttributionReason.LABEL_SILENCE: "no outcome for longer than the policy tolerates",
    AttributionReason.PREVIOUS_BETTER: "another version is proved better on the same cases",
    AttributionReason.PREVIOUS_NO_BETTER: "another version is proved no better on the same cases",
    AttributionReason.OTHER_MODEL: "another model dropped at the same time",
    AttributionReason.INPUT_QUALITY: "the quality of the input fell at the same time",
    AttributionReason.INPUT_FEATURE: "an input feature moved at the same time",
    AttributionReason.ONE_SOURCE: "only one source system carries the drop",
    AttributionReason.AFTER_ACTIVATION: "it began soon after the version was activated",
    AttributionReason.BEFORE_ACTIVATION: "it began before the version was activated",
    AttributionReason.LONG_AFTER_ACTIVATION: "it began long after the version was activated",
    AttributionReason.UNDATED: "nothing tells when it began, or when the version did",
}


def reason_text(reason: str) -> str:
    """Return a reason in words; one of a later version as it is written.

    >>> reason_text("other_model"), reason_text("the_weather")
    ('another model dropped at the same time', 'the weather')
    """
    return _WORDS.get(reason, reason.replace("_", " "))
