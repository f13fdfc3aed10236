"""Detectors of change, each a `river.base.DriftDetector` that can be saved without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from otel_clinical.drift.detectors._adwin import GuardedADWIN
from otel_clinical.drift.detectors._betting import LOG_CEILING, BettingDetector, bet, log_growth, sr_path
from otel_clinical.semconv.enums import DriftDetector

if TYPE_CHECKING:
    from collections.abc import Mapping

DETECTORS: Final[Mapping[DriftDetector, type[GuardedADWIN | BettingDetector]]] = {
    DriftDetector.ADWIN: GuardedADWIN,
    DriftDetector.E_DETECTOR: BettingDetector,
}
"""The class behind each detector name that telemetry may carry. Saved states name a class only through it."""

__all__ = ["DETECTORS", "LOG_CEILING", "BettingDetector", "GuardedADWIN", "bet", "log_growth", "sr_path"]
