"""Score the cases that one version answered with another one, in the background: nobody is shown its result."""

from __future__ import annotations

import inspect
import queue
import threading
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from otel_clinical.quality import MISSING
from otel_clinical.semconv.enums import DeploymentRole, TelemetryComponent

from ._arguments import result_reader
from ._context import detach
from ._current import Inference
from ._errors import error_type
from ._fork import renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context

    from ._receipt import Receipt

WAITING: Final = 64
"""Cases that may wait for the shadow; each holds the arguments of a call."""
_FULL: Final = "the shadow version is slower than the cases come: some are not scored; counted, the calls go on"


@dataclass(slots=True)
class Case:
    """One call to be scored again. `context` is the one in which the serving version answered."""

    function: Callable[..., Any]
    version: str
    activation: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    serving: Inference
    serving_id: str
    context: Context


class Shadow:
    """One background thread with a bounded queue; started by the first case, ended with the router.

    Args:
        versions: All versions of the router.
        confidence: Where the result holds the confidence; by default what a result says of itself.
        copy: Copies one argument before the serving version may change it; by default the shadow gets the same object.
        keep: Told the result, its receipt and the id of the inference that served, on the background thread.

    Raises:
        TypeError: A version is asynchronous or a generator.
    """

    def __init__(
        self,
        versions: Mapping[str, Callable[..., Any]],
        *,
        confidence: str | Callable[[Any], object] | None,
        copy: Callable[[Any], Any] | None,
        keep: Callable[[Any, Receipt, str], object] | None,
    ) -> None:
        for version, function in versions.items():
            if _is_stepwise(function):
                raise TypeError(
                    f"ModelRouter: shadow=True, and version {version!r} is asynchronous or a generator; a shadow runs "
                    "on a thread of its own: give plain functions, or leave shadow out"
                )
        self._confidence = result_reader(confidence) if confidence is not None else None
        self._copy = copy
        self._keep = keep
        self.comparable = keep is not None
        """Whether outcomes of the shadow can be reported at all."""
        self._renew()
        renew_in_child(self._renew)

    def _renew(self) -> None:
        # Its `put` may be interrupted by a signal handler that comes here too; that of a bounded queue may not.
        self._cases: queue.SimpleQueue[Case | None] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._started = False
        weakref.finalize(self, self._cases.put, None).atexit = False

    def prepare(
        self,
        serving: Inference,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        version: str,
        activation: int,
    ) -> Case | None:
        """Return the case before the serving version sees it; None, counted, where it cannot be. Never raises."""
        try:
            if self._cases.qsize() >= WAITING:
                serving.telemetry.failed(TelemetryComponent.ROUTING, "ShadowQueueFull", _FULL)
                return None
            if self._copy is not None:
                args = tuple(self._copy(value) for value in args)
                kwargs = {name: self._copy(value) for name, value in kwargs.items()}
            # The id is made here, on the thread of the call: asked for by two threads at once there might be two.
            around = otel_context.get_current()
            return Case(function, version, activation, args, kwargs, serving, serving.id, around)
        except Exception as error:  # noqa: BLE001 -- a shadow never breaks the call
            serving.telemetry.failed(TelemetryComponent.ROUTING, error)
            return None

    def submit(self, case: Case) -> None:
        """Let the background thread score a case that the serving version answered. Never raises, never waits."""
        try:
            self._cases.put(case)
            if not self._started:
                self._start()
        except Exception as error:  # noqa: BLE001 -- the interpreter may be going down
            case.serving.telemetry.failed(TelemetryComponent.ROUTING, error)

    def _start(self) -> None:
        with self._lock:
            if self._started:
                return
            work = (self._cases, self._confidence, self._keep)
            threading.Thread(target=_work, args=work, name="otel-clinical-shadow", daemon=True).start()
            self._started = True


def _is_stepwise(function: Any) -> bool:
    plain = function if inspect.isroutine(function) else type(function).__call__
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return any(kind(candidate) for kind in kinds for candidate in (function, plain))


def _work(
    cases: queue.SimpleQueue[Case | None],
    confidence: Callable[[Any], object] | None,
    keep: Callable[[Any, Receipt, str], object] | None,
) -> None:
    """Score cases until told to end; holds nothing of the router."""
    while (case := cases.get()) is not None:
        try:
            _score(case, confidence, keep)
        except BaseException as error:  # noqa: BLE001 -- whatever a shadow does stays here
            kind = error_type(error)
            said = f"the shadow version failed with {kind}; counted, the calls go on"
            case.serving.telemetry.failed(TelemetryComponent.ROUTING, kind, said)
        del case  # it holds a patient's record until the next one comes


def _score(
    case: Case, confidence: Callable[[Any], object] | None, keep: Callable[[Any, Receipt, str], object] | None
) -> None:
    serving = case.serving
    spec = replace(serving.spec, role=DeploymentRole.SHADOW)
    inference = Inference(serving.telemetry, spec, case.version, case.activation)
    inference.segments, inference.epoch, inference.level = serving.segments, serving.epoch, serving.level
    inference.reason = serving.reason
    inference.begin_span(case.context)
    token = None if inference.context is None else otel_context.attach(inference.context)
    try:
        result = case.function(*case.args, **case.kwargs)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError("awaitable")  # noqa: TRY301 -- a failure of the shadow like any other
    except BaseException as error:
        inference.end(error)
        raise
    finally:
        if token is not None:
            detach(token)
    _take_confidence(inference, result, confidence)
    inference.end()
    if keep is not None:
        keep(result, inference.receipt, case.serving_id)


def _take_confidence(inference: Inference, result: Any, confidence: Callable[[Any], object] | None) -> None:
    if inference.confidence is not None:
        return
    try:
        found = getattr(result, "clinical_confidence", MISSING) if confidence is None else confidence(result)
    except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
        inference.telemetry.failed(TelemetryComponent.EXTRACTOR, error)
        return
    if found is not MISSING and found is not None:
        inference.set_confidence(found)
