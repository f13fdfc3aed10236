"""Choose the serving version of a model by its release pointer, on every call."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from otel_clinical.release import (
    PointerError,
    ReleasePointer,
    Resolution,
    force_manual_path,
    pointer_signature,
    read_pointer,
)
from otel_clinical.semconv.enums import RoutingLevel, RoutingReason, TelemetryComponent, UseCase

from ._current import find_inference
from ._declared import checked_identifier
from ._fork import renew_in_child
from ._names import CODE
from ._refusals import RoutedToManual
from ._router_metrics import observe_router
from ._telemetry import default_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from otel_clinical.release import ReleasePointer

    from ._telemetry import Telemetry

REFRESH_SECONDS: Final = 0.2
NOBODY: Final = Resolution("", RoutingLevel.MANUAL.value, 0, 0, RoutingReason.OTHER.value)


class ModelRouter:
    """Serve the version that the release pointer names.

    The pointer file is looked at (one `stat`) at most every `refresh` seconds. A pointer that is missing, broken,
    older than the one in use, or that names an unknown version changes nothing: the last good one goes on serving
    and `degraded` is true. Where there never was a good one, and while the file `POINTER.FORCE_MANUAL` exists,
    every call takes the manual route.

    Args:
        model: Name of the model, as in the policy and the pointer.
        pointer: Path of the release pointer.
        versions: A callable per version; `router(…)` calls the one that serves.
        fallback: Called with the same arguments on the manual route; without it `RoutedToManual` is raised.
        use_case: For the counters that start at zero when the versions are registered.
        refresh: Seconds between looks at the pointer; 0 looks on every call.
        telemetry: Where to report; the process default otherwise.
    """

    def __init__(
        self,
        model: str,
        *,
        pointer: str | os.PathLike[str],
        versions: Mapping[str, Callable[..., Any]],
        fallback: Callable[..., Any] | None = None,
        use_case: UseCase = UseCase.OTHER,
        refresh: float = REFRESH_SECONDS,
        telemetry: Telemetry | None = None,
    ) -> None:
        if not versions:
            raise ValueError("ModelRouter: versions is empty, expected a callable per version")
        self.model = checked_identifier("model", model)
        self.versions: Mapping[str, Callable[..., Any]] = MappingProxyType(
            {checked_identifier("version", version): function for version, function in versions.items()}
        )
        self.fallback = fallback
        self.degraded = False
        self._path = os.fspath(pointer)
        self._force_manual = os.fspath(force_manual_path(pointer))
        self._refresh = refresh
        self._telemetry = telemetry
        self._pointer: ReleasePointer | None = None
        self._signature: object = None
        self._fault = ""
        self._manual = False
        self._next_look = 0.0
        self._renew()
        renew_in_child(self._renew)
        self._register(UseCase(use_case))

    def _renew(self) -> None:
        # A signal handler may interrupt the holder and come here on the same thread.
        self._lock = threading.RLock()

    @property
    def pointer(self) -> ReleasePointer | None:
        """The pointer in use; None until a good one was read."""
        return self._pointer

    def route(self, segments: Mapping[str, str] | None = None) -> Resolution:
        """Decide version and route for an inference with these segment values. Never raises."""
        if time.monotonic() >= self._next_look:
            self._look()
        pointer = self._pointer
        if pointer is None:
            return NOBODY
        resolution = pointer.resolve(segments or {})
        if resolution.version not in self.versions:  # a rule may name a version that this process does not have
            resolution = replace(resolution, route=RoutingLevel.MANUAL.value, reason=RoutingReason.OTHER.value)
        if self._manual:
            return replace(resolution, route=RoutingLevel.MANUAL.value, reason=RoutingReason.GOVERNANCE_HOLD.value)
        return resolution

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the serving version, as routed by the inference under way or, outside of one, by no segment."""
        inference = find_inference()
        resolution = inference.resolution if inference is not None and inference.model == self.model else None
        resolution = resolution or self.route()
        if resolution.route == RoutingLevel.MANUAL:
            return self.answer_manually(*args, **kwargs)
        return self.versions[resolution.version](*args, **kwargs)

    def answer_manually(self, *args: Any, **kwargs: Any) -> Any:
        """Call the fallback, or raise `RoutedToManual` where there is none."""
        if self.fallback is None:
            raise RoutedToManual(self.model)
        return self.fallback(*args, **kwargs)

    def _look(self) -> None:
        """Look at the files; one thread at a time, the others go on with what is known."""
        if not self._lock.acquire(blocking=self._pointer is None):
            return
        before, was_degraded = self._pointer, self.degraded
        try:
            self._manual = os.path.lexists(self._force_manual)
            fault = self._read()
            self.degraded = bool(fault)
            self._next_look = time.monotonic() + self._refresh
        finally:
            self._lock.release()
        # Without the lock: a log handler is anybody's code, and may come back here.
        if fault and not was_degraded:
            telemetry = self._telemetry or default_telemetry()
            telemetry.failed(TelemetryComponent.ROUTING, fault, self._explain(fault))
        if before is not None and before is not self._pointer:
            (self._telemetry or default_telemetry()).flush_soon()

    def _read(self) -> str:
        """Take over a pointer that changed; return what is wrong with it, or nothing."""
        signature = pointer_signature(self._path)
        if signature is None:
            self._signature = None
            return "PointerMissing"
        if signature == self._signature:
            return self._fault
        self._signature = signature
        self._fault = self._take()
        return self._fault

    def _take(self) -> str:
        try:
            found = read_pointer(self._path)
        except (OSError, PointerError) as error:
            self._signature = None
            return type(error).__qualname__
        fault = self._fault_of(found)
        if not fault:
            self._pointer = found
            # A rule may name a version that this process has not: it is an operator's word all the same.
            CODE.declare(self.model, found.version, *(rule.version for rule in found.rules if rule.version))
        return fault

    def _fault_of(self, found: ReleasePointer) -> str:
        if found.model != self.model:
            return "OtherModel"
        if found.version not in self.versions:
            return "UnknownVersion"
        known = self._pointer
        if known is not None and found != known and found.epoch <= known.epoch:
            return "LowerEpoch"
        return ""

    def _explain(self, fault: str) -> str:
        """Say what is wrong with the pointer, what happens to calls, and what to do."""
        if self._pointer is not None:
            consequence = f"version {self._pointer.version} goes on as last told"
        else:
            consequence = (
                "every call goes to the fallback (or RoutedToManual) until "
                f"`otel-clinical rollback activate {self.model} VERSION --policy POLICY --by NAME`"
            )
        problem = {
            "PointerMissing": f"no release pointer at {self._path}",
            "OtherModel": f"the release pointer at {self._path} is not of model {self.model}",
            "UnknownVersion": f"the release pointer at {self._path} names none of {', '.join(self.versions)}",
            "LowerEpoch": f"the release pointer at {self._path} is older than the one in use",
        }.get(fault, f"the release pointer at {self._path} cannot be read ({fault})")
        return f"{problem}: {consequence}"

    def _register(self, use_case: UseCase) -> None:
        telemetry = self._telemetry or default_telemetry()
        CODE.declare(self.model, *self.versions)
        for version in self.versions:
            telemetry.versions.add(self.model, version, use_case.value)
        observe_router(telemetry, self)
        self._look()
