"""Triton Inference Server, Python backend: the model.py of a model repository.

Triton starts one process per instance of the model, and calls `execute` with batches of requests.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # Triton brings it
from model import suggest_code  # your function, in a module with another name than this file

from otel_clinical.sdk import configure


class TritonPythonModel:
    """One instance of the model."""

    def initialize(self, _arguments: dict[str, str]) -> None:
        """Set up in the process of this instance."""
        self._telemetry = configure("coding-triton")

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request of a batch; each is an inference of its own."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        texts = pb_utils.get_input_tensor_by_name(request, "ENCOUNTER").as_numpy()
        try:
            answers = [json.dumps(suggest_code(json.loads(text))).encode() for text in texts.flatten()]
        except Exception:  # noqa: BLE001 -- Triton wants an error per request; the text may quote the patient
            return pb_utils.InferenceResponse([], pb_utils.TritonError("the model failed"))
        suggestions = np.array(answers, dtype=object).reshape(texts.shape)  # the batch is the first dimension
        return pb_utils.InferenceResponse([pb_utils.Tensor("SUGGESTION", suggestions)])

    def finalize(self) -> None:
        """Send what is left."""
        self._telemetry.shutdown()
