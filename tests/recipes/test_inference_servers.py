"""Triton's Python backend and KServe call the shapes that the recipes have."""

from __future__ import annotations

import json

from tests.recipes.conftest import FLU

BACKEND = '''
"""What Triton brings, as far as the recipe uses it."""
class Tensor:
    def __init__(self, name, array):
        assert array.dtype == object
        assert array.shape[1:] == (1,), "the shape that the configuration of the model declares"
        self.name, self.array = name, array
    def as_numpy(self):
        return self.array
class TritonError(Exception):
    pass
class InferenceResponse:
    def __init__(self, output_tensors, error=None):
        self.output_tensors, self.error = output_tensors, error
def get_input_tensor_by_name(request, name):
    return request[name]
'''
TRITON = """
import json, sys
import numpy as np
import triton_python_backend_utils as pb_utils
from triton_model import TritonPythonModel
model = TritonPythonModel()
model.initialize({})
def request(*texts):
    return {"ENCOUNTER": pb_utils.Tensor("ENCOUNTER", np.array([[text] for text in texts], dtype=object))}
encounter = sys.argv[1].encode()
answers = model.execute([request(encounter, encounter), request(b"MRN-0012345 is no JSON"), request(encounter)])
model.finalize()
texts = [[text for found in answer.output_tensors for text in found.as_numpy().flatten()] for answer in answers]
print(json.dumps([[json.loads(text)["code"] for text in found] for found in texts]))
print([str(a.error) for a in answers])
"""
KSERVE = """
import json, sys
from kserve_model import CodingModel
model = CodingModel("coding")
assert model.load() and model.ready
answer = model.postprocess(model.predict(model.preprocess({"instances": [json.loads(sys.argv[1])] * 2})))
model.stop()
print([found["code"] for found in answer["predictions"]])
"""


def test_triton(start, tmp_path, sound):
    (tmp_path / "triton_python_backend_utils.py").write_text(BACKEND, encoding="utf-8")
    process = start("-c", TRITON, json.dumps(FLU))
    out, _ = process.communicate(timeout=60)
    assert out.splitlines() == [
        '[["J10.1", "J10.1"], [], ["J10.1"]]',
        "['None', 'the model failed', 'None']",
    ], process.log()
    sound(3)


def test_kserve(start, sound):
    process = start("-c", KSERVE, json.dumps(FLU))
    out, _ = process.communicate(timeout=60)
    assert out == "['J10.1', 'J10.1']\n", process.log()
    sound(2)
