"""Read any YAML document of ours as the policy is read: typed, frozen, every mistake at its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from otel_clinical.policy._names import FilePath, MetricName, ModelName, SegmentValue, Version
from otel_clinical.policy._problems import PolicyErrors, PolicyProblem
from otel_clinical.policy._quantities import Duration, Percent, mistake
from otel_clinical.policy._section import Section
from otel_clinical.policy._source import read_source
from otel_clinical.policy._translate import report_errors

if TYPE_CHECKING:
    import pathlib

__all__ = [
    "Duration",
    "FilePath",
    "MetricName",
    "ModelName",
    "Percent",
    "PolicyErrors",
    "PolicyProblem",
    "Section",
    "SectionType",
    "SegmentValue",
    "Version",
    "mistake",
    "read_document",
]

SectionType = TypeVar("SectionType", bound=Section)


def read_document(path: pathlib.Path, section: type[SectionType]) -> SectionType:
    """Read the YAML document at `path` as `section`.

    Raises:
        PolicyErrors: with every problem of the document.
    """
    source = read_source(path)
    data: Any = source.data
    if not isinstance(data, dict):
        source.report((), "is not a mapping", ", ".join(section.model_fields))
        raise PolicyErrors(source.problems)
    try:
        document = section.model_validate({k: v for k, v in data.items() if not k.startswith("x-")})
    except ValidationError as error:
        report_errors(error, source, section)
        raise PolicyErrors(source.problems) from None
    if source.problems:
        raise PolicyErrors(source.problems)
    return document
