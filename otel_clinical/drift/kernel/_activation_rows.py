"""How the streams of one activation look from outside: rows, made anew only where something changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from otel_clinical.drift.explode._batch import MICRO
from otel_clinical.drift.kernel._outcomes import OutcomeStream
from otel_clinical.drift.kernel._rows import DriftRow, EvidenceRow
from otel_clinical.drift.kernel._signals import PERFORMANCE, SEGMENT_MIX
from otel_clinical.semconv.enums import DriftDetector
from otel_clinical.semconv.small_cells import SMALL_CELL

if TYPE_CHECKING:
    from otel_clinical.drift.kernel._calibration import Calibration
    from otel_clinical.drift.kernel._mix import Mix
    from otel_clinical.drift.kernel._plan import ModelPlan, SegmentKey
    from otel_clinical.drift.kernel._rows import CalibrationRow
    from otel_clinical.drift.kernel._signals import Signal

_LOWEST_SCORE: Final = -9.0  # of an e-detector that has seen nothing


class ActivationRows:
    """Rows of one (model, version, activation).

    Args:
        plan: The model.
        version: The version.
        ordinal: The activation.
    """

    def __init__(self, plan: ModelPlan, version: str, ordinal: int) -> None:
        self._plan = plan
        self._version = version
        self._ordinal = ordinal
        self._shown: dict[SegmentKey, tuple[tuple[int, int, int, float | None], EvidenceRow]] = {}
        self._calibrated: dict[SegmentKey, tuple[tuple[int, int, int, int], CalibrationRow]] = {}

    def unseen(self, key: SegmentKey) -> EvidenceRow:
        """Return the row of a stream without outcomes."""
        if key not in self._shown:
            self.evidence(key, OutcomeStream(self._plan.design(key), self._plan.times.bucket), 0)
        return self._shown[key][1]

    def calibration(self, key: SegmentKey, calibration: Calibration, now: int) -> CalibrationRow:
        """Return what a stream's confidences are worth, calculated anew only after labels and with another span."""
        span = (now - 1) // calibration.span
        mark = calibration.labels, calibration.squares, calibration.corrections, span
        if key not in self._calibrated or self._calibrated[key][0] != mark:
            self._calibrated[key] = mark, calibration.row(self._plan.name, self._version, key, now)
        return self._calibrated[key][1]

    def evidence(self, key: SegmentKey, stream: OutcomeStream, now: int) -> EvidenceRow:
        """Return what is known about a stream at event time `now`, microseconds."""
        shown, performance = stream.performance(now - self._plan.times.window)
        # Everything else changes with the outcomes alone: between two slots a scrape need not calculate it again.
        mark = stream.labels, stream.amended, shown, performance
        if key in self._shown and self._shown[key][0] == mark:
            return self._shown[key][1]
        samples, drop, since = stream.change.estimate(stream.design)
        evidence = stream.evidence()
        row = EvidenceRow(
            model=self._plan.name,
            version=self._version,
            activation=self._ordinal,
            segment=key[0],
            value=key[1],
            labels=stream.labels,
            samples=samples,
            drop=drop,
            performance=None if performance is None else stream.design.scale.shown(performance),
            performance_samples=shown,
            baseline=stream.design.scale.shown(stream.design.baseline),
            change_point=None if since is None else since / 1e6,
            evidence={level: latched for level, (latched, _, _) in evidence.items()},
            current={level: present for level, (_, present, _) in evidence.items()},
            latched={level: latch for level, (_, _, latch) in evidence.items()},
            updated=stream.updated / 1e6 if stream.labels else None,
            interval=stream.interval(),
            amended=stream.amended,
            withdrawn=stream.withdrawn / MICRO,
        )
        self._shown[key] = mark, row
        return row

    def witness(self, key: SegmentKey, stream: OutcomeStream, now: int) -> DriftRow:
        """Return the state of a stream's ADWIN on errors."""
        hits = stream.detections, stream.witnessed
        row = self._row(key, PERFORMANCE, hits, now, detector=DriftDetector.ADWIN, score=stream.witness.recent)
        return replace(row, small=True) if stream.labels < SMALL_CELL else row

    def signal(self, key: SegmentKey, signal: Signal, now: int) -> DriftRow:
        """Return the state of a stream's ADWIN on a signal."""
        hits = signal.detections, signal.detected
        row = self._row(key, signal.name, hits, now, detector=DriftDetector.ADWIN, score=signal.detector.recent)
        return replace(row, small=True) if signal.few else row

    def mix(self, segment: str, mix: Mix, place: int, now: int, score: float) -> DriftRow:
        """Return the state of the detector of one value's share."""
        hits = mix.detections[place], mix.detected[place]
        key = segment, mix.values[place]
        score = max(score, _LOWEST_SCORE)
        return self._row(key, SEGMENT_MIX, hits, now, detector=DriftDetector.E_DETECTOR, score=score)

    def _row(
        self,
        key: SegmentKey,
        signal: str,
        hits: tuple[int, int | None],
        now: int,
        *,
        detector: DriftDetector,
        score: float,
    ) -> DriftRow:
        detections, detected = hits
        active = detected is not None and now - detected < self._plan.times.hold
        seconds = None if detected is None else detected / 1e6
        return DriftRow(self._plan.name, self._version, *key, signal, detector, active, score, detections, seconds)
