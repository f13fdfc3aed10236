"""KServe: a custom predictor between its pre- and postprocessor.

In a service of yours: `class CodingModel(kserve.Model)` with `super().__init__(name)` first, then
`model.load()` and `kserve.ModelServer().start([model])`.
"""

from __future__ import annotations

from typing import Any

from model import suggest_code

from otel_clinical.sdk import configure


class CodingModel:
    """One model of a KServe server."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ready = False

    def load(self) -> bool:
        """Set up in the process that serves; KServe calls it once."""
        self._telemetry = configure("coding-kserve")
        self.ready = True
        return self.ready

    def preprocess(self, payload: dict[str, Any], _headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Take the encounters out of the request; nothing here is telemetry."""
        return [dict(instance) for instance in payload["instances"]]

    def predict(self, encounters: list[dict[str, Any]], _headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
        """Answer each encounter; each is an inference of its own."""
        return [suggest_code(encounter) for encounter in encounters]

    def postprocess(self, answers: list[dict[str, Any]], _headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Hand the receipts out with the answers."""
        return {"predictions": answers}

    def stop(self) -> None:
        """Send what is left."""
        self._telemetry.shutdown()
