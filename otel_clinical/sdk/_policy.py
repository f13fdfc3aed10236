"""Tell the instrumentation what the policy declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otel_clinical.instrument import declare_segments, register_version
from otel_clinical.semconv import attributes

if TYPE_CHECKING:
    from pathlib import Path

    from otel_clinical.instrument import Telemetry
    from otel_clinical.policy import Policy


def apply_policy(policy: Policy, telemetry: Telemetry) -> None:
    """Declare the segment values of all models and register their versions, so that counters start at zero.

    What is reported of other models and versions is said and counted.
    """
    segments: dict[str, list[str]] = {}
    for model in policy.models.values():
        for name, values in model.segments.items():
            known = segments.setdefault(str(name), [])
            known += [str(value) for value in values if value not in known]
    declare_segments(segments, telemetry=telemetry)
    telemetry.declared.declare(attributes.TASK_NAME, policy.vocabulary.tasks)
    telemetry.declared.declare(attributes.BUSINESS_CATEGORY, policy.vocabulary.categories)
    for model_name, model in policy.models.items():
        telemetry.models.declare(model_name, model.versions)
        telemetry.features.declare(model_name, model.feature_set)
        for version in model.versions:
            register_version(model_name, version, use_case=model.use_case, telemetry=telemetry)


def read_policy(file: Path | None) -> Policy | None:
    """Return the policy of a file; None when there is no file to read.

    Raises:
        PolicyErrors: the file has mistakes, or is not there.
    """
    if file is None:
        return None
    from otel_clinical.policy import load_policy  # noqa: PLC0415 -- pydantic is only needed to read a file

    return load_policy(file)
