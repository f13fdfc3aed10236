"""Call every public name with patient data in every leaf of every argument."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from enum import StrEnum
from inspect import signature
from typing import TYPE_CHECKING, Any

import otel_clinical as ai
from otel_clinical.semconv import attributes
from tests.phi._marker import NUMBER, marker
from tests.phi._patients import text
from tests.phi._report_calls import ReportCalls

if TYPE_CHECKING:
    from collections.abc import Callable

ALIASES = {
    "Arguments": "inference",
    "Inference": "inference",
    "ModelRouter": "router",
    "QualityProfile": "input_quality",
    "QualityResult": "input_quality",
    "Receipt": "receipt",
    "ReceiptKeys": "configure_receipts",
    "Recorded": "record_outcome",
    "Rejection": "record_outcome",
    "SupportsConfidence": "inference",
    "Telemetry": "use_telemetry",
    "current_inference": "inference",
    "default_telemetry": "set_telemetry",
    "flush": "use_telemetry",
}
"""Public names that are called together with another one."""


class Calls(ReportCalls):
    """One call, or several, for each public name."""

    def names(self) -> set[str]:
        """Return the public names that have a call, and the calls that have no public name."""
        own = {name.removeprefix("call_") for name in dir(self) if name.startswith("call_")} - {"receipt", "router"}
        kinds = {name for name in ai.__all__ if _is_kind(getattr(ai, name))}
        return own | kinds | set(ALIASES) | {"__version__"}

    def run(self, name: str, record: Callable[[], Any]) -> None:
        """Call what has this public name."""
        self.record = record
        found = getattr(ai, name)
        if name == "__version__":
            return
        if _is_kind(found):
            self._kind(found)
        else:
            getattr(self, f"call_{ALIASES.get(name, name)}")()

    def _kind(self, kind: Any) -> None:
        """Give an enumeration what it does not know; let an exception through an inference."""
        if issubclass(kind, StrEnum):
            with suppress(ValueError):
                kind(text("word"))
            return
        with suppress(Exception):
            self.answer(raising=_made(kind))

    def _worth(self) -> Any:
        """Return the record unless it is a number: whoever reports a number as money says that it is money."""
        found = self.record()
        return found if type(found) is not int else marker("worth")

    def _each_word(self, report: Callable[..., Any], **arguments: Any) -> None:
        assert {*arguments, "telemetry"} == set(signature(report).parameters), "an argument has no marker"
        for name in arguments:
            for value in (self._worth(), marker("word"), text("text")):
                report(telemetry=self.telemetry, **(arguments | {name: value}))

    def call_record_revenue(self) -> None:
        self._each_word(
            ai.record_revenue, value=1, use_case="imaging", currency="USD", assistance="with_ai", entry="credit"
        )

    def call_record_cost(self) -> None:
        self._each_word(ai.record_cost, value=1, use_case="imaging", currency="USD", category="x")

    def call_record_encounter(self) -> None:
        self._each_word(ai.record_encounter, use_case="imaging", assistance="with_ai")

    def call_record_risk_event(self) -> None:
        self._each_word(ai.record_risk_event, use_case="imaging", category="denial")

    def call_record_task(self) -> None:
        self._each_word(ai.record_task, name="coding", seconds=1, assistance="with_ai")
        ai.record_task("coding", NUMBER, telemetry=self.telemetry)

    def call_task(self) -> None:
        @ai.task("review", telemetry=self.telemetry)
        def work(record: Any) -> Any:
            return record

        work(self.record())
        with suppress(ValueError), ai.task("review", telemetry=self.telemetry):
            raise ValueError(text("task"))

    def call_business(self) -> None:
        @ai.business(task="review", revenue="revenue", cost=lambda found: found[text("no")], telemetry=self.telemetry)
        def work(record: Any) -> Any:
            return {"revenue": record}

        work(self._worth())

    def call_record_deployment_change(self) -> None:
        sound = {"model": "coding", "from_version": "7", "to_version": "8"}
        words = sound | {"type": "promote", "trigger": "manual", "reason": "release", "activation": 2}
        for name in (*words, "at", "event_id"):
            value = text("version") if name in sound else marker("word")
            ai.record_deployment_change(**(words | {name: value}), telemetry=self.telemetry)
            ai.record_deployment_change(
                **(words | {name: self.record() if name not in sound else 7.5}), telemetry=self.telemetry
            )
        ai.record_deployment_change(**(words | {"activation": NUMBER}), telemetry=self.telemetry)

    def call_register_version(self) -> None:
        for arguments in (("coding", text("version")), (text("model"), "7")):
            with suppress(ValueError):
                ai.register_version(*arguments, telemetry=self.telemetry)
        with suppress(ValueError):
            ai.register_version("coding", "7", use_case=marker("use"), telemetry=self.telemetry)

    def call_declare_segments(self) -> None:
        for values in ({text("segment"): ["x"]}, {"payer": [text("payer")]}, {"payer": marker("payer")}):
            with suppress(ValueError):
                ai.declare_segments(values, telemetry=self.telemetry)

    def call_declare_values(self) -> None:
        for key, values in ((marker("key"), ["x"]), (attributes.TASK_NAME, [text("task")])):
            with suppress(ValueError):
                ai.declare_values(key, values, telemetry=self.telemetry)

    def call_router(self) -> None:
        def fails(record: Any) -> Any:
            raise RuntimeError(text("fallback"), record)

        pointer = self.folder / "pointer.json"
        pointer.write_text('{"model": "' + marker("pointer") + '"}')
        router = ai.ModelRouter(
            "coding", pointer=pointer, versions={"7": fails}, fallback=fails, telemetry=self.telemetry
        )
        decorate = ai.inference(model="coding", router=router, segments={"payer": "payer"}, telemetry=self.telemetry)
        with suppress(RuntimeError):
            decorate(router)(self.record())
        self._beside(fails)

    def _beside(self, fails: Any) -> None:
        """Serve for a control arm whose key is of a patient, and score what fails in the shadow."""
        served, done = self.folder / "served.json", threading.Semaphore(0)
        pointer = {"schema": 1, "model": "coding", "epoch": 2, "version": "8", "activation": 2, "activated_at": 1.0}
        pointer |= {"previous_version": "7", "route": "standard", "rules": [], "marker": "", "updated_at": 1.0}
        served.write_text(json.dumps(pointer | {"updated_by": "test"}))

        def scored(record: Any) -> Any:
            done.release()
            return fails(record)

        for key in (lambda _: text("control"), lambda _: fails(text("control")), lambda _: [text("control")]):
            router = ai.ModelRouter(
                "coding",
                pointer=served,
                versions={"7": scored, "8": lambda record: record},
                control=0.5,
                control_key=key,
                shadow=True,
                telemetry=self.telemetry,
            )
            with suppress(RuntimeError):
                ai.inference(model="coding", router=router, telemetry=self.telemetry)(router)(self.record())
            assert done.acquire(timeout=60)

    # -- the process-wide telemetry ---------------------------------------------------------------------------

    def call_use_telemetry(self) -> None:
        with ai.use_telemetry(self.telemetry), suppress(ValueError):
            self._plain()
            ai.flush(5)

    def _plain(self) -> None:
        @ai.inference(model="coding", version="7", segments={"payer": "payer"})
        def answer(record: Any) -> Any:
            raise ValueError(record, text("default"))

        answer(self.record())

    def call_set_telemetry(self) -> None:
        before = ai.set_telemetry(self.telemetry)
        try:
            assert ai.default_telemetry() is self.telemetry
            with suppress(ValueError):
                self._plain()
        finally:
            ai.set_telemetry(before)

    def call_shutdown(self) -> None:
        """Shut a telemetry of its own down, over the same providers."""
        own = ai.Telemetry(
            tracer_provider=self.telemetry._providers[0],
            meter_provider=self.telemetry._providers[1],
            logger_provider=self.telemetry._providers[2],
        )
        with ai.use_telemetry(own):
            with suppress(ValueError):
                self._plain()
            ai.shutdown(5)


def _is_kind(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, StrEnum | BaseException) and found is not ai.Rejection


def _made(kind: Any) -> BaseException:
    try:
        found: BaseException = kind(text("refusal"))
    except Exception as error:  # noqa: BLE001 -- some refusals are made of something else than a text
        return error
    return found
