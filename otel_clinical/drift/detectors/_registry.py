"""One registry of detectors: ours by name, and those that other distributions add by entry point."""

from __future__ import annotations

import math
from importlib.metadata import entry_points
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from river import base

from otel_clinical.drift._codec import CodecError, pack, unpack
from otel_clinical.drift.detectors._adwin import GuardedADWIN
from otel_clinical.drift.detectors._betting import BettingDetector
from otel_clinical.drift.detectors._bias import BiasDetector
from otel_clinical.drift.detectors._chi_square import ChiSquareDetector
from otel_clinical.drift.detectors._psi import PSIDetector
from otel_clinical.drift.detectors._rare_event import RareEventDetector
from otel_clinical.drift.detectors._shares import ShareDetector
from otel_clinical.drift.detectors._volume import VolumeDetector
from otel_clinical.drift.detectors._wasserstein import WassersteinDetector
from otel_clinical.semconv.enums import DriftDetector

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

GROUP: Final = "otel_clinical.detectors"
"""Entry point group in which a distribution names its detectors."""

DETECTORS: Final[Mapping[DriftDetector, type[base.DriftDetector]]] = {
    DriftDetector.ADWIN: GuardedADWIN,
    DriftDetector.E_DETECTOR: BettingDetector,
    DriftDetector.PSI: PSIDetector,
    DriftDetector.WASSERSTEIN: WassersteinDetector,
    DriftDetector.CHI_SQUARE: ChiSquareDetector,
    DriftDetector.SHARES: ShareDetector,
    DriftDetector.VOLUME: VolumeDetector,
    DriftDetector.RARE_EVENT: RareEventDetector,
    DriftDetector.BIAS: BiasDetector,
}
"""The class behind each detector name that telemetry may carry. No entry point can take one of these names."""

_KIND, _VERSION = "detector", 1
_NEEDED: Final = ("update", "dumps", "loads")


class DetectorError(ValueError):
    """A detector that cannot be used; the message is one sentence that says which, why and what to do."""


class GuardedDetector(base.DriftDetector):
    """A detector of the registry behind a guard: finite numbers only, and no exception gets out.

    What is no finite number (NaN, inf, None, text, a truth value) is counted in `rejected` and never fed. An
    exception in the detector's `update` is counted in `failed`; its text goes nowhere, for it may hold the value.

    Args:
        name: Name in the registry.
        parameters: Keyword arguments of the detector's class.

    Raises:
        DetectorError: No such detector, or one that cannot be made, saved or restored.

    Example:
        >>> detector = GuardedDetector("adwin", {"mean": 0.9, "sd": 0.05})
        >>> for value in (0.9, None, float("nan"), "0.9", 10**400):
        ...     detector.update(value)
        >>> detector.rejected, detector.failed
        (4, 0)
    """

    def __init__(self, name: str = "adwin", parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.name = name
        self.parameters = dict(parameters or {})
        self.rejected = 0
        self.failed = 0
        self.inner = _made(name, self.parameters)

    def update(self, x: object) -> None:
        """Take one value, or count it."""
        self._drift_detected = False
        value = _finite(x)
        if value is None:
            self.rejected += 1
            return
        try:
            self.inner.update(value)
            self._drift_detected = bool(self.inner.drift_detected)
        except Exception:  # noqa: BLE001  # somebody else's code must not stop the kernel
            self.failed += 1

    def dumps(self) -> bytes:
        """Return the state as bytes: the name, the parameters, the counts and what the detector saved.

        Raises:
            DetectorError: The detector's `dumps` raised, or returned no bytes.
        """
        meta = {
            "name": self.name,
            "parameters": self.parameters,
            "counts": [self.rejected, self.failed],
            "detected": self._drift_detected,
        }
        state = _saved(self.name, self.inner)
        return pack(_KIND, _VERSION, meta, {"state": np.frombuffer(state, np.uint8)})

    @classmethod
    def loads(cls, data: bytes) -> GuardedDetector:
        """Return the detector that `dumps` saved. The name is looked up again: no state names a class.

        Raises:
            CodecError: `data` is damaged, or something else.
            DetectorError: The detector is no longer installed, or does not read its state.
        """
        meta, arrays = unpack(data, _KIND, _VERSION)
        detector = cls(meta["name"], meta["parameters"])
        detector.inner = _restored(detector.name, type(detector.inner), arrays["state"].tobytes())
        detector.rejected, detector.failed = meta["counts"]
        detector._drift_detected = meta["detected"]
        return detector


def detector_names() -> tuple[str, ...]:
    """Return the names that can be chosen, sorted: ours and those of installed distributions."""
    return tuple(sorted({str(name.value) for name in DETECTORS} | {point.name for point in entry_points(group=GROUP)}))


def detector_class(name: str) -> type[base.DriftDetector]:
    """Return the class behind a name.

    It is a `river.base.DriftDetector` with `dumps() -> bytes` and a class method `loads(bytes)`, without pickle.

    Raises:
        DetectorError: No such name, two distributions claim it, it does not import, or it is no such class.
    """
    for ours, kind in DETECTORS.items():
        if ours.value == name:
            return kind
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise DetectorError(
            f"detector {name!r} is not installed: expected one of {', '.join(detector_names())}; install the "
            f"distribution that names it in the entry point group {GROUP}, or correct the name"
        )
    if len({point.value for point in found}) > 1:
        claims = " and ".join(sorted(point.value for point in found))
        raise DetectorError(f"detector {name!r} is claimed by {claims}: uninstall one of the distributions")
    return _checked(found[0])


def _checked(point: EntryPoint) -> type[base.DriftDetector]:
    try:
        kind = point.load()
    except Exception as error:
        raise DetectorError(
            f"detector {point.name!r} cannot be imported from {point.value!r} ({type(error).__name__}): repair or "
            "reinstall its distribution"
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, base.DriftDetector)):
        raise DetectorError(f"detector {point.name!r} is {point.value!r}: expected a river.base.DriftDetector class")
    missing = [name for name in _NEEDED if not callable(getattr(kind, name, None))]
    if missing:
        raise DetectorError(
            f"detector {point.name!r} has no {' and no '.join(missing)}: add dumps() -> bytes and a class method "
            "loads(bytes), so that it can be saved without pickle"
        )
    return kind


def _made(name: str, parameters: Mapping[str, Any]) -> Any:
    kind = detector_class(name)
    try:
        made = kind(**parameters)
    except Exception as error:
        raise DetectorError(
            f"detector {name!r} does not accept the parameters {sorted(parameters)} ({type(error).__name__}): "
            "correct them"
        ) from error
    # Found now, at the start, and not at the first restart.
    _restored(name, kind, _saved(name, made))
    return made


def _saved(name: str, detector: Any) -> bytes:
    try:
        state = detector.dumps()
    except Exception as error:
        raise DetectorError(f"detector {name!r} failed in dumps() ({type(error).__name__}): repair it") from error
    if not isinstance(state, bytes):
        raise DetectorError(f"detector {name!r} returned {type(state).__name__} from dumps(): expected bytes")
    return state


def _restored(name: str, kind: Any, state: bytes) -> Any:
    try:
        detector = kind.loads(state)
    except CodecError:
        raise
    except Exception as error:
        raise DetectorError(f"detector {name!r} failed in loads() ({type(error).__name__}): repair it") from error
    if not isinstance(detector, kind):
        raise DetectorError(f"detector {name!r} returned {type(detector).__name__} from loads(): expected itself")
    return detector


def _finite(x: object) -> float | None:
    """Return `x` as a float; None for what is no finite number. Text is no number, even where it reads like one."""
    if isinstance(x, bool) or not isinstance(x, Real):
        return None
    try:
        value = float(x)
    except (OverflowError, TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
