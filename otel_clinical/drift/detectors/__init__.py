"""Detectors of change, each a `river.base.DriftDetector` that can be saved without pickle."""

from __future__ import annotations

from otel_clinical.drift.detectors._adwin import GuardedADWIN
from otel_clinical.drift.detectors._betting import LOG_CEILING, BettingDetector, bet, bets_of, log_growth, sr_path
from otel_clinical.drift.detectors._registry import (
    DETECTORS,
    GROUP,
    DetectorError,
    GuardedDetector,
    detector_class,
    detector_names,
)

__all__ = [
    "DETECTORS",
    "GROUP",
    "LOG_CEILING",
    "BettingDetector",
    "DetectorError",
    "GuardedADWIN",
    "GuardedDetector",
    "bet",
    "bets_of",
    "detector_class",
    "detector_names",
    "log_growth",
    "sr_path",
]
