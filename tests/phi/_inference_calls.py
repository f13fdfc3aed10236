"""Call what observes an inference with patient data in every leaf of every argument."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry.baggage import set_baggage

import otel_clinical as ai
from otel_clinical.features import Feature, FeatureSet, Kind
from tests.phi._marker import NUMBER
from tests.phi._patients import Patient, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from otel_clinical import Receipt, Telemetry


FEATURES = FeatureSet(
    (
        Feature("age", Kind.NUMERIC, edges=(18.0, 65.0)),
        Feature("note", Kind.FORMAT, words=("A99.9",)),
        Feature("payer", Kind.CATEGORICAL, words=("medicaid",)),
    )
)


class InferenceCalls:
    """Inferences of every kind.

    Args:
        telemetry: Where everything is reported.
        folder: For the files that calls need.
    """

    def __init__(self, telemetry: Telemetry, folder: Path) -> None:
        self.telemetry = telemetry
        telemetry.features.declare("coding", FEATURES)
        self.folder = folder
        self.record: Callable[[], Any] = Patient

    def answer(self, raising: BaseException | None = None) -> Receipt | None:
        receipts: list[Receipt] = []
        profile = ai.QualityProfile(required=("age", "payer"), ranges={"age": (0, 120)}, critical=("age",))

        @ai.inference(
            model="coding",
            version="7",
            segments={"payer": "payer", "site": lambda arguments: arguments.record},
            confidence="confidence",
            quality=profile,
            features={"payer": lambda arguments: arguments.record},
            telemetry=self.telemetry,
        )
        def answer(record: Any, *, note: str) -> Any:
            current = ai.current_inference()
            receipts.append(current.receipt)
            current.set_confidence(record, text("method"))
            current.set_confidence(NUMBER)
            current.set_segment("payer", record)
            current.set_segment(text("segment"), note)
            current.set_quality(record)
            current.set_features({"age": record, "note": note, "payer": note, text("feature"): note})
            current.restrict(text("level"), text("reason"))
            current.abstain(text("abstention"))
            current.bind(lambda: note)()
            if raising is not None:
                raise raising from KeyError(text("cause"))
            return {"confidence": text("confidence"), "answer": record}

        try:
            answer(self.record(), note=text("note"))
        finally:
            if receipts:
                self._seen(receipts[0])
        return receipts[0] if receipts else None

    def _seen(self, receipt: Receipt) -> None:
        self.last = receipt.dumps()

    def call_inference(self) -> None:
        """Every kind of function, answering and failing."""
        self.answer()
        error = ValueError(text("exception"), self.record())
        error.add_note(text("note"))
        with suppress(ValueError):
            self.answer(error)
        with suppress(ExceptionGroup):
            self.answer(ExceptionGroup(text("group"), [OSError(text("inner"))]))  # type: ignore[arg-type]
        asyncio.run(self._later())
        with suppress(RuntimeError), ai.inference(model="coding", version="7", telemetry=self.telemetry) as current:
            current.set_segment("site", self.record())
            raise RuntimeError(text("block"))

    async def _later(self) -> None:
        @ai.inference(model="coding", version="7", segments={"payer": "payer"}, telemetry=self.telemetry)
        async def later(record: Any) -> Any:
            await asyncio.sleep(0)
            raise LookupError(text("later"), record)

        @ai.inference(model="coding", version="7", segments={"payer": "payer"}, telemetry=self.telemetry)
        async def stream(record: Any) -> Any:
            yield record
            raise LookupError(text("stream"))

        with suppress(LookupError):
            await later(self.record())
        with suppress(LookupError):
            async for _ in stream(self.record()):
                pass

    def call_record_inference(self) -> None:
        for value in (self.record(), text("argument")):
            ai.record_inference(
                model=value if isinstance(value, str) and " " in value else text("model"),
                version=text("version"),
                use_case=value,
                operation=value,
                role=value,
                segments={"payer": value, text("segment"): value},
                features={"age": value, "note": text("note"), "payer": value, text("feature"): value},
                confidence=value,
                confidence_method=value,
                quality=value,
                started_at=value,
                duration=value,
                route=value,
                route_reason=value,
                activation=value,
                status=value,
                parent=set_baggage(text("baggage"), value),
                telemetry=self.telemetry,
            )

    def call_input_quality(self) -> None:
        profile = ai.QualityProfile(required=("age", "payer"), ranges={"age": (0, 120)}, refuse_below=0.9)

        @ai.input_quality(profile, telemetry=self.telemetry)
        def gated(record: Any) -> Any:
            raise RuntimeError(text("gated"), record)

        with suppress(Exception):
            ai.inference(model="coding", version="7", telemetry=self.telemetry)(gated)(self.record())
