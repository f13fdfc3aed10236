"""Detectors of change, each a `river.base.DriftDetector` that can be saved without pickle."""

from __future__ import annotations

from otel_clinical.drift.detectors._adwin import GuardedADWIN
from otel_clinical.drift.detectors._betting import (
    LOG_CEILING,
    BettingDetector,
    all_highest_log_sums,
    bet,
    bets_of,
    highest_log_sums,
    log_growth,
    log_less,
    sr_path,
    sr_paths,
)
from otel_clinical.drift.detectors._bias import DIRECTIONS, EXCESS, BiasDetector, bias_growth, bias_null, bias_stakes
from otel_clinical.drift.detectors._chi_square import ChiSquareDetector, chi_square
from otel_clinical.drift.detectors._looks import SLACK, log_bet, next_log
from otel_clinical.drift.detectors._psi import PSIDetector, psi
from otel_clinical.drift.detectors._rare_event import RareEventDetector
from otel_clinical.drift.detectors._registry import (
    DETECTORS,
    GROUP,
    DetectorError,
    GuardedDetector,
    detector_class,
    detector_names,
)
from otel_clinical.drift.detectors._shares import BETS, ShareDetector, share_bets, share_growth
from otel_clinical.drift.detectors._volume import VolumeDetector
from otel_clinical.drift.detectors._wasserstein import WassersteinDetector, wasserstein, wasserstein_p

__all__ = [
    "BETS",
    "DETECTORS",
    "DIRECTIONS",
    "EXCESS",
    "GROUP",
    "LOG_CEILING",
    "SLACK",
    "BettingDetector",
    "BiasDetector",
    "ChiSquareDetector",
    "DetectorError",
    "GuardedADWIN",
    "GuardedDetector",
    "PSIDetector",
    "RareEventDetector",
    "ShareDetector",
    "VolumeDetector",
    "WassersteinDetector",
    "all_highest_log_sums",
    "bet",
    "bets_of",
    "bias_growth",
    "bias_null",
    "bias_stakes",
    "chi_square",
    "detector_class",
    "detector_names",
    "highest_log_sums",
    "log_bet",
    "log_growth",
    "log_less",
    "next_log",
    "psi",
    "share_bets",
    "share_growth",
    "sr_path",
    "sr_paths",
    "wasserstein",
    "wasserstein_p",
]
