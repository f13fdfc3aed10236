"""Watch the inputs: features, and the confidence, that are proved to have left the baseline. Tier 1 and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.generate._rules_promql import (
    STREAM,
    VERSION,
    indented,
    labels,
    number,
    only_active,
    other_than,
    over,
    select,
)
from otel_clinical.generate._rules_text import MODEL_NAME, MODEL_VERSION, WHERE, Author, Message
from otel_clinical.policy import duration_text
from otel_clinical.semconv import AGGREGATE, attributes, metrics, prometheus_label

if TYPE_CHECKING:
    from otel_clinical.generate._rules_model import Alert
    from otel_clinical.policy import ModelPolicy

FEATURE_ALERT: Final = "ClinicalAIInputDrift"
_FEATURE: Final = prometheus_label(attributes.INPUT_FEATURE)


def _most_moved() -> str:
    """Return a template that names the three features of the alert's stream that moved most, and how far.

    A series that is gone reads "unknown"; a template never fails an alert.
    """
    conditions = ",".join(f"{prometheus_label(key)}=%q" for key in STREAM)
    values = " ".join(f"$labels.{prometheus_label(key)}" for key in STREAM)
    metric = metrics.INPUT_FEATURE_SHIFT_RATIO.prometheus
    query = f'printf "sort_desc(topk(3, max by ({_FEATURE}) ({metric}{{{conditions}}})))" {values} | query'
    one = f'{{{{ $f | label "{_FEATURE}" }}}} ({{{{ $f | value | humanizePercentage }}}})'
    each = f"{{{{ range $i, $f := . }}}}{{{{ if $i }}}}, {{{{ end }}}}{one}{{{{ end }}}}"
    return f"{{{{ with {query} }}}}{each}{{{{ else }}}}unknown{{{{ end }}}}"


MOST_MOVED: Final = _most_moved()


def feature_drift(author: Author, name: str, model: ModelPolicy) -> Alert:
    """Return the alert about one model's inputs: of all segments together, or of those that moved alone."""
    here = {attributes.MODEL_NAME: name}
    whole = select(metrics.INPUT_FEATURE_EVIDENCE, {**here, attributes.SEGMENT_NAME: AGGREGATE})
    parts = select(metrics.INPUT_FEATURE_EVIDENCE, {**here, attributes.SEGMENT_NAME: other_than(AGGREGATE)})
    everywhere = over("max", STREAM, whole) + " >= 1"
    alone = f"{over('max', STREAM, parts)} >= 1\n  unless on ({labels(VERSION)}) ({over('max', VERSION, whole)} >= 1)"
    limits = model.input_drift
    return author.alert(
        FEATURE_ALERT,
        only_active(f"{everywhere}\nor (\n{indented(alone)}\n)", name),
        Message(
            f"{MODEL_NAME} {MODEL_VERSION}: the inputs moved in {WHERE}: {MOST_MOVED}",
            f"What: the inputs of {MODEL_NAME} version {MODEL_VERSION} differ from the baseline by more than the "
            f"tolerated {number(limits.tolerance * 100)} % or index of {number(limits.psi)}. The three features that "
            f"moved most, with the share of the inputs that lies elsewhere: {MOST_MOVED}. Where: {WHERE}. Since: at "
            f"the latest the last look, {duration_text(limits.window)} or longer ago. How sure: proved, within a "
            f"budget of one false alarm in {number(limits.false_alarms.years)} years over the fleet.",
            "No page. In working hours find what changed: a form, an interface, a unit, a new clinic, a season. "
            "Whether the answers became worse only the tier alerts say. The machine does nothing.",
        ),
        severity="warning",
        category="drift",
        model=name,
        tier="engineering",
        pending=model.hold.for_,
    )
