"""River's ADWIN behind a guard: standardised, winsorised, finite input only."""

from __future__ import annotations

import json
import math
import operator
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base
from river._river_rust.drift import (
    AdaptiveWindowing,
)  # river.drift would load its data sets, scipy.stats and SQLAlchemy

from otel_clinical.drift._codec import encode, pack_bytes, unpack
from otel_clinical.drift.detectors._betting import as_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_KIND, _VERSION = "adwin", 1
_CLOCK: Final = 32  # River's own default
_RIVER: Final = version("river")
_SMALLEST_SD: Final = 1e-3
_RECENT: Final = 1 / 32  # weight of the newest value in the recent mean
_FORGOTTEN: Final = 1280  # values after which what was before weighs less than the last bit of the recent mean
_KEPT: Final = (1.0 - _RECENT) ** np.arange(_FORGOTTEN, -1, -1)
"""Weight of what was before this many values, from the most to none."""
_FIELDS: Final = ("mean", "sd", "delta", "clip", "rejected", "detections", "recent", "_drift_detected")


@lru_cache(1024)
def _settings(clip: float, clock: int, delta: float, mean: float, sd: float) -> tuple[str, str, str]:
    """Return what never changes in a saved detector, between what does, in the order of the names."""
    parts: tuple[dict[str, Any], ...] = (
        {"clip": clip, "delta": delta} if clock == _CLOCK else {"clip": clip, "clock": clock, "delta": delta},
        {"mean": mean},
        {"river": _RIVER, "sd": sd},
    )
    first, middle, last = (encode(part)[1:-1].decode() for part in parts)
    return first, middle, last


class GuardedADWIN(base.DriftDetector):
    """ADWIN on `(x - mean) / sd`, cut off at `clip` standard deviations.

    River's ADWIN assumes values of about unit size: unscaled input makes it slow (small values) or noisy (large
    ones), heavy tails make it alarm, and a single NaN silences it for ever. Here what is not finite is counted in
    `rejected` and changes nothing.

    Args:
        mean: Reference mean of the values.
        sd: Reference standard deviation; at least 0.001 is used.
        delta: ADWIN's significance: smaller is fewer false alarms and longer delays.
        clip: Standard deviations at which values are cut off.
        clock: Values between two looks; 1 for few values that are means of many.

    Example:
        >>> import random
        >>> rng = random.Random(12345)
        >>> detector = GuardedADWIN(mean=0.9, sd=0.05)
        >>> stream = [rng.gauss(0.9, 0.05) for _ in range(1000)] + [rng.gauss(0.85, 0.05) for _ in range(200)]
        >>> stream[500] = float("nan")
        >>> for index, value in enumerate(stream):
        ...     detector.update(value)
        ...     if detector.drift_detected:
        ...         print(f"changed at {index}, by {detector.recent:+.1f} standard deviations so far")
        changed at 1024, by -0.7 standard deviations so far
        >>> detector.rejected
        1

    References:
        Bifet and Gavalda. Learning from time-changing data with adaptive windowing. SIAM International
        Conference on Data Mining, 2007.
    """

    def __init__(
        self, mean: float = 0.0, sd: float = 1.0, delta: float = 0.002, clip: float = 4.0, clock: int = _CLOCK
    ) -> None:
        super().__init__()
        self.mean = mean
        self.sd = max(sd, _SMALLEST_SD)
        self.delta = delta
        self.clip = clip
        self.clock = clock
        self.rejected = 0
        self.detections = 0
        self.recent = 0.0
        self._window = self._fresh()

    def _fresh(self) -> Any:
        """Return an empty window with River's own defaults for what is not ours to choose."""
        return AdaptiveWindowing(
            delta=self.delta, clock=self.clock, max_buckets=5, min_window_length=5, grace_period=10
        )

    @property
    def width(self) -> int:
        """Values in the window; since the newest detection, at most."""
        return int(self._window.get_width())

    @property
    def rising(self) -> bool:
        """Whether the recent values are above the mean of the window, which at a detection holds the change."""
        width = self._window.get_width()
        return bool(self.recent > (self._window.get_total() / width if width else 0.0))

    def update(self, x: float) -> None:
        """Take one value. `recent` is their exponentially weighted mean, in standard deviations."""
        self.update_standardised((as_number(x) - self.mean) / self.sd)

    def update_standardised(self, z: float) -> None:
        """Take one value that is already in standard deviations from the reference."""
        if not math.isfinite(z):
            self.rejected += 1
            return
        value = min(max(z, -self.clip), self.clip)
        self.recent += _RECENT * (value - self.recent)
        self._forget()
        self._drift_detected = bool(self._window.update(value))
        self.detections += self._drift_detected

    def _forget(self) -> None:
        """Begin a new window after a detection, as River's ADWIN does: until then it reports the old mean."""
        if self._drift_detected:
            self._drift_detected = False
            self._window = self._fresh()

    def update_all(self, z: NDArray[np.float64]) -> Iterator[int]:
        """Take values that are already in standard deviations; yield the place of each at which a change is detected.

        The same as one by one, but without a call of ours for each; of the recent mean the last bits may differ, since
        it is added up at once. At every yield the detector is as after that value; it must be read to the end.

        >>> detector = GuardedADWIN(0.0, 1.0)
        >>> list(detector.update_all(np.repeat([0.0, 2.0], 100)))
        [127]
        """
        finite = np.isfinite(z)
        self.rejected += len(z) - int(finite.sum())
        places = np.flatnonzero(finite)
        for place in self.update_clipped(np.clip(z[finite], -self.clip, self.clip)):
            yield int(places[place])

    def update_clipped(self, z: NDArray[np.float64]) -> Iterator[int]:
        """Do what `update_all` does with values that are finite and cut off already."""
        values, done = z.tolist(), 0
        while done < len(values):
            self._forget()
            rest = iter(values[done:])
            detected = any(map(self._window.update, rest))  # stops at the first
            end = len(values) - operator.length_hint(rest)
            newest = z[max(done, end - _FORGOTTEN) : end]
            weights = _KEPT[_FORGOTTEN - len(newest) :]
            self.recent = self.recent * float(weights[0]) + _RECENT * float(np.add.reduce(newest * weights[1:]))
            self._drift_detected = detected
            done = end
            if detected:
                self.detections += 1
                yield end - 1

    def dumps(self) -> bytes:
        """Return the state as bytes: our fields, and the window in River's own plain encoding."""
        # River's only public way to save a detector is pickle.
        first, middle, last = _settings(self.clip, self.clock, self.delta, self.mean, self.sd)
        fired = "true" if self._drift_detected else "false"
        meta = (
            f'{{"_drift_detected":{fired},{first},"detections":{self.detections},{middle},'
            f'"recent":{float.__repr__(self.recent)},"rejected":{self.rejected},{last}}}'
        )
        return pack_bytes(_KIND, _VERSION, meta.encode(), "state", self._window.__getstate__())

    @staticmethod
    @lru_cache
    def signs(mean: float, sd: float, delta: float) -> tuple[str, ...]:
        """Return what `dumps` of every detector with these settings holds, and of none with others."""
        found = {"mean": mean, "sd": max(sd, _SMALLEST_SD), "delta": delta}
        kind = json.dumps([_KIND, _VERSION], separators=(",", ":"))[:-1]
        return kind, *(
            f'"{name}":{json.dumps(value)}' + ("}" if name == "sd" else ",") for name, value in found.items()
        )

    @classmethod
    def loads(cls, data: bytes) -> GuardedADWIN:
        """Return the detector that `dumps` saved.

        A window that another version of River wrote is not read: the witness begins a new one.

        Raises:
            CodecError: `data` is damaged, or something else.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = cls(meta["mean"], meta["sd"], meta["delta"], meta["clip"], meta.get("clock", _CLOCK))
        for name in _FIELDS:
            setattr(detector, name, meta[name])
        if meta["river"] == _RIVER:
            detector._window.__setstate__(arrays["state"].tobytes())
        return detector
