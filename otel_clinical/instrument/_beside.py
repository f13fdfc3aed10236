"""Which version runs beside the serving one, for which calls: the control arm."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from otel_clinical.quality import MISSING
from otel_clinical.semconv.enums import RoutingLevel, TelemetryComponent

from ._arguments import argument_reader
from ._declared import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from otel_clinical.release import ReleasePointer, Resolution

    from ._arguments import Arguments
    from ._telemetry import Telemetry

LARGEST: Final = 0.5
"""Share of a control arm; more than half is no control, but a rollout."""
_LABEL: Final = b"otel_clinical control arm "
_WHOLE: Final = 2**64


class ControlArm:
    """A share of the calls, always the same ones for a key.

    Args:
        model: Name of the model; keys the hash, so that two models divide their cases differently.
        share: Share of the calls, above 0 and at most `LARGEST`.
        key: What the arm of a call depends on: a path or a function of the arguments, as for segments.

    Raises:
        ValueError: The share cannot be.
        TypeError: The key is neither a path nor a function.
    """

    def __init__(self, model: str, share: object, key: str | Callable[[Arguments], object]) -> None:
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 < share <= LARGEST:
            raise ValueError(f"ModelRouter: control is {share!r}, expected a share above 0 and at most {LARGEST}")
        if not (isinstance(key, str) or callable(key)):
            raise TypeError(
                f"ModelRouter: control_key is {type(key).__qualname__!r}; write the name of a parameter or field, a "
                "dotted path, or a function of the arguments"
            )
        self._read = argument_reader(key)
        self._bound = int(share * _WHOLE)
        self._key = hashlib.blake2b(_LABEL + model.encode(), digest_size=32).digest()

    def takes(self, arguments: Arguments, telemetry: Telemetry) -> bool:
        """Tell whether a call belongs to the control arm; a call without a key does not, and a fault is counted."""
        try:
            text = plain_text(found := self._read(arguments))
        except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
            telemetry.failed(TelemetryComponent.EXTRACTOR, error)
            return False
        if not text:
            if found is not MISSING and found is not None:
                telemetry.failed(TelemetryComponent.EXTRACTOR, "ControlKeyIsNoText")
            return False
        return self.holds(text)

    def holds(self, key: str) -> bool:
        """Tell whether a key belongs to the arm; the hash never leaves."""
        digest = hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest) < self._bound


def earlier_version(pointer: ReleasePointer, versions: Iterable[str]) -> str | None:
    """Return the version that served before, None where it must not come back.

    `versions` are in the order of their release. After a way back, whoever made it, the version that was left is
    the newer one: it is the last that anybody should be given.
    """
    order = list(versions)
    previous = pointer.previous_version
    if previous not in order or pointer.version not in order:
        return None
    return previous if order.index(previous) < order.index(pointer.version) else None


def control_version(
    pointer: ReleasePointer, resolution: Resolution, segments: Mapping[str, str], versions: Iterable[str]
) -> str | None:
    """Return the version of the control arm for a call, None where something holds the call back.

    A change by the controller, which carries a marker, ends the arm for all calls until the next activation.
    """
    if pointer.epoch != resolution.epoch or resolution.route != RoutingLevel.STANDARD or pointer.marker:
        return None
    if resolution.version != pointer.version or any(rule.applies(segments) for rule in pointer.rules):
        return None
    return earlier_version(pointer, versions)


def earlier_activation(pointer: ReleasePointer) -> int:
    """Return the ordinal under which the version before served: each activation counts one up."""
    return max(pointer.activation - 1, 0)
