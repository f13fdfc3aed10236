"""Tell the instrumentation what the policy declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.instrument._declared import declare_segment_values

if TYPE_CHECKING:
    from otel_clinical.instrument._telemetry import Telemetry
    from otel_clinical.policy import Policy


def apply_policy(policy: Policy, telemetry: Telemetry) -> None:
    """Declare the segment values of all models and register their versions, so that counters start at zero."""
    segments: dict[str, list[str]] = {}
    for model in policy.models.values():
        for name, values in model.segments.items():
            known = segments.setdefault(str(name), [])
            known += [str(value) for value in values if value not in known]
    declare_segment_values(telemetry.declared, segments)
    for model_name, model in policy.models.items():
        for version in model.versions:
            telemetry.versions.add(model_name, version, str(model.use_case))
