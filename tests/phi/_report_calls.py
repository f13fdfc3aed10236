"""Call what reports on an inference with patient data in every argument, receipts and their text included."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from inspect import signature
from typing import TYPE_CHECKING, Any

import otel_clinical as ai
from tests.phi._inference_calls import InferenceCalls
from tests.phi._marker import NUMBER, marker
from tests.phi._patients import AT, text

if TYPE_CHECKING:
    from collections.abc import Callable


class ReportCalls(InferenceCalls):
    """Reviews, outcomes, feedback and safety events, with sound, forged and hand-made receipts."""

    def _receipts(self) -> list[Any]:
        """Return a sound receipt, its text, and what is none: by hand, forged without a key, cut, and records."""
        sound = ai.record_inference(
            model="coding", version="7", segments={"payer": self.record()}, started_at=AT, telemetry=self.telemetry
        )
        leaves = {
            "model": text("model"),
            "version": text("version"),
            "use_case": marker("use"),
            "route": marker("route"),
        }
        changes: list[dict[str, Any]] = [{name: value} for name, value in leaves.items()]
        changes += [
            {"inference_id": marker("id")},
            {"traceparent": f"00-{marker('trace')}-1-01"},
            {"activation": NUMBER},
            {"time": float(NUMBER)},
            {"confidence": float(NUMBER)},
            {"segments": {"payer": marker("payer"), "site": text("site")}},
            {"segments": {marker("segment"): "x"}},
        ]
        by_hand = [dataclasses.replace(sound, **change) for change in changes]
        forged = [dataclasses.replace(sound, model=text("model")), dataclasses.replace(sound, version=text("version"))]
        forged += [dataclasses.replace(sound, segments={"payer": marker("payer"), "site": text("site")})]
        texts = [one.dumps() for one in forged]
        return [
            sound,
            sound.dumps(),
            *by_hand,
            *texts,
            texts[0][:-3],
            text("receipt"),
            marker("receipt"),
            self.record(),
        ]

    def _each_receipt(self, report: Callable[..., Any], **arguments: Any) -> None:
        common = {"receipt", "at", "event_id", "telemetry"}
        assert {*arguments, *common} == set(signature(report).parameters), "an argument has no marker"
        for receipt in self._receipts():
            report(receipt, telemetry=self.telemetry, **arguments)
            for name in arguments:
                for value in (self.record(), marker("word"), text("text"), NUMBER):
                    report(receipt, telemetry=self.telemetry, **(arguments | {name: value}))
            for name in ("at", "event_id"):
                for value in (self.record(), marker("word"), str(NUMBER), NUMBER, marker("hex").encode().hex()[:30]):
                    report(receipt, telemetry=self.telemetry, **(arguments | {name: value}))

    def call_record_outcome(self) -> None:
        sound = {"source": "claim", "score": 0.5, "outcome_class": "true_positive", "encounter": text("encounter")}
        self._each_receipt(ai.record_outcome, result="correct", **sound)

    def call_record_review(self) -> None:
        sound = {"edit_ratio": 0.2, "duration": 5, "reason": "clinical_judgement", "role": "nurse"}
        self._each_receipt(ai.record_review, action="edited", **sound)

    def call_edit_ratio(self) -> None:
        """The ratio of two texts goes on; nothing of the texts does."""
        changed = ai.edit_ratio(text("draft"), f"{text('final')} {NUMBER}")
        for receipt in self._receipts():
            ai.record_review(receipt, action="edited", edit_ratio=changed, telemetry=self.telemetry)

    def call_record_feedback(self) -> None:
        self._each_receipt(ai.record_feedback, rating="positive", category="other", channel="in_app")

    def call_record_safety_event(self) -> None:
        self._each_receipt(ai.record_safety_event, severity="near_miss", type="other")

    def call_record_feedback_triage(self) -> None:
        for receipt in self._receipts():
            for value in (self.record(), text("time"), AT):
                ai.record_feedback_triage(receipt, submitted_at=value, at=value, telemetry=self.telemetry)

    def _decorated(self, decorate: Callable[..., Any], **sources: Any) -> None:
        for made in (sources, {name: lambda found: found[text("missing")] for name in sources}):

            @decorate(telemetry=self.telemetry, **made)
            def report(receipt: Any, note: Any) -> Any:
                return dict.fromkeys(sources, note) | {"note": note}

            for receipt in self._receipts():
                report(receipt, self.record())
                report(receipt, text("note"))

        @decorate(telemetry=self.telemetry)
        def fails(receipt: Any, note: Any) -> Any:
            raise ValueError(receipt, note, text("report"))

        with suppress(ValueError):
            fails(self.record(), self.record())

    def call_outcome(self) -> None:
        self._decorated(ai.outcome, result="result", score="score", outcome_class="note", encounter="note")

    def call_review(self) -> None:
        self._decorated(ai.review, action="action", edit_ratio="edit_ratio", duration="duration", reason="reason")

    def call_feedback(self) -> None:
        self._decorated(ai.feedback, rating="rating", category="category")

    def call_safety_event(self) -> None:
        self._decorated(ai.safety_event, severity="severity", type="type")

    def call_receipt(self) -> None:
        for found in self._receipts():
            ai.record_outcome(found, result="correct", telemetry=self.telemetry)

    def call_configure_receipts(self) -> None:
        """A signed receipt carries what was declared and nothing else; a text of another key is refused."""
        try:
            ai.configure_receipts({"k1": b"x" * 16})
            self.call_record_outcome()
        finally:
            ai.configure_receipts(None)
