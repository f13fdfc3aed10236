"""Decorate functions that learn what became of an inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_clinical.quality import MISSING
from otel_clinical.semconv.enums import TelemetryComponent

from ._arguments import Arguments, Signature
from ._telemetry import default_telemetry
from ._wrap import Observation, is_marked, wrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._recorded import Recorded
    from ._telemetry import Telemetry


def report_after(
    kind: str,
    receipt: str,
    readers: Mapping[str, Callable[[Any], object]],
    record: Callable[..., Recorded],
    telemetry: Telemetry | None,
) -> Callable[[Any], Any]:
    """Return a decorator that calls `record(receipt, **values)` after each return; `readers` take the values."""

    def decorate(function: Any) -> Any:
        if is_marked(function, kind):
            (telemetry or default_telemetry()).failed(TelemetryComponent.DECORATOR, "AlreadyDecorated")
            return function
        signature = Signature(function)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observation:
            arguments = Arguments(signature, args, kwargs)
            return _ReportObservation(arguments, receipt, readers, record, telemetry)

        return wrap(function, begin, kind)

    return decorate


class _ReportObservation(Observation):
    """One call of a function that learns the truth."""

    __slots__ = ("_arguments", "_readers", "_receipt", "_record", "_telemetry")

    def __init__(
        self,
        arguments: Arguments,
        receipt: str,
        readers: Mapping[str, Callable[[Any], object]],
        record: Callable[..., Recorded],
        telemetry: Telemetry | None,
    ) -> None:
        super().__init__()
        self._arguments = arguments
        self._receipt = receipt
        self._readers = readers
        self._record = record
        self._telemetry = telemetry

    def succeed(self, result: object) -> None:
        """Read the report out of arguments and result, and record it."""
        try:
            found = self._arguments.find(self._receipt)
            values = {name: read(result) for name, read in self._readers.items()}
            present = {name: None if value is MISSING else value for name, value in values.items()}
            self._record(found, **present)
        except Exception as error:  # noqa: BLE001 -- the user's extractor may raise anything
            (self._telemetry or default_telemetry()).failed(TelemetryComponent.EXTRACTOR, error)
