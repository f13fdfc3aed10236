"""Examine a live set-up end to end and say, for each finding, what to do about it."""

from otel_clinical.doctor._examine import examine
from otel_clinical.doctor._finding import Finding, Level
from otel_clinical.doctor._options import Options, OptionsError, options_of

__all__ = ["Finding", "Level", "Options", "OptionsError", "examine", "options_of"]
