"""Say so when the drift processor runs and takes nothing in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.generate._rules_text import Author, Message
from otel_clinical.semconv import metrics

if TYPE_CHECKING:
    from otel_clinical.generate._rules_model import Alert, Pace


def refusing(author: Author, pace: Pace) -> Alert:
    """Return the alert on a processor that tells every sender to come back."""
    return author.alert(
        "ClinicalAIProcessorRefusing",
        f"min({metrics.PROCESSOR_ACCEPT_STATUS.prometheus}) == 0",
        Message(
            "The drift processor runs and accepts nothing",
            "What: its disk is full or became read-only, or the clock of its machine was set back. Senders are told to "
            "come back, and queues of Collectors fill; what was acknowledged is safe. Its evidence stands still.",
            "/readyz of the processor and its log say which. Make room, make the disk writable or set the clock right: "
            "it goes on by itself, without a restart. The controller refuses to act on stale evidence.",
        ),
        severity="critical",
        category="telemetry",
        pending=pace.settle,
    )
