"""Which names of models and versions a process declares: its code does, its data does not."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from otel_clinical.instrument import (
    ModelRouter,
    Receipt,
    _names,
    configure_receipts,
    inference,
    record_deployment_change,
    record_inference,
    record_outcome,
    register_version,
)
from otel_clinical.instrument._errors import FAULTS, is_error_type
from otel_clinical.instrument._names import MAX_NAMES, NAME_KEYS, Names
from otel_clinical.instrument._receipt_errors import ReceiptError
from otel_clinical.release import PointerError
from otel_clinical.semconv import attributes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def code(monkeypatch):
    """Return what the code of this process declares, empty; other tests have declared a lot."""
    found = Names(MAX_NAMES)
    for module in ("_declared", "_deployment", "_inference", "_names", "_receipt", "_router"):
        monkeypatch.setattr(f"otel_clinical.instrument.{module}.CODE", found)
    return found


def allowed(telemetry):
    return {key.rpartition(".")[2]: set(telemetry.models.allowed(key)) for key in NAME_KEYS}


def test_a_decorator_a_block_and_a_registration_declare(capture, code):
    inference(model="a", version="1", telemetry=capture.telemetry)(lambda: None)
    with inference(model="b", version="2", telemetry=capture.telemetry):
        pass
    register_version("c", "3", telemetry=capture.telemetry)
    assert allowed(capture.telemetry)["name"] == {"a", "b", "c"}
    assert allowed(capture.telemetry)["version"] == allowed(capture.telemetry)["previous_version"] == {"1", "2", "3"}


def test_a_router_declares_its_versions_and_those_of_its_pointer(capture, code, tmp_path):
    rule = {"segment": {"name": "payer", "value": "medicaid"}, "route": "manual", "version": "6"}
    pointer = {"schema": 1, "model": "coding", "version": "8", "epoch": 1, "activation": 1, "route": "standard"}
    times = {"activated_at": 0, "updated_at": 0, "updated_by": "", "marker": "", "previous_version": "7"}
    (tmp_path / "p.json").write_text(json.dumps(pointer | times | {"rules": [rule | {"reason": "", "marker": ""}]}))
    versions = {"7": print, "8": print}
    router = ModelRouter("coding", pointer=tmp_path / "p.json", versions=versions, telemetry=capture.telemetry)
    assert router.pointer is not None
    assert allowed(capture.telemetry)["version"] == {"6", "7", "8"}


def test_what_is_reported_declares_nothing(capture, code):
    """A record number given as a model, a version or in a receipt is data."""
    receipt = record_inference(model="mrn-1", version="mrn-2", telemetry=capture.telemetry)
    record_outcome(Receipt.loads(receipt.dumps()), result="correct", telemetry=capture.telemetry)
    record_deployment_change("mrn-3", from_version="mrn-4", to_version="mrn-5", telemetry=capture.telemetry)
    assert allowed(capture.telemetry) == {"name": set(), "version": set(), "previous_version": set()}


def test_a_receipt_under_one_of_our_keys_declares_and_a_forged_one_does_not(capture, code):
    configure_receipts({"k1": b"x" * 16})
    signed = record_inference(model="far", version="9", telemetry=capture.telemetry).dumps()
    with pytest.raises(ReceiptError):
        Receipt.loads(signed[:-2])
    assert allowed(capture.telemetry)["name"] == set()
    assert record_outcome(signed, result="correct", telemetry=capture.telemetry)
    assert allowed(capture.telemetry)["name"] == {"far"}


def test_where_there_is_a_policy_it_alone_declares(capture, code):
    inference(model="coding", version="7", telemetry=capture.telemetry)(lambda: None)
    capture.telemetry.models.declare("sepsis", ["1"])
    assert allowed(capture.telemetry)["name"] == {"sepsis"}
    assert allowed(capture.telemetry)["version"] == {"1"}


def test_code_that_declares_without_end_is_data(code):
    code.declare("coding", *(f"mrn-{number}" for number in range(MAX_NAMES + 50)))
    assert len(code.allowed(attributes.MODEL_VERSION)) == MAX_NAMES


def named_faults():
    """Yield every text that our modules give to a function called `failed`."""
    for path in (path for part in ("instrument", "sdk") for path in (ROOT / "otel_clinical" / part).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "failed":
                yield from (a.value for a in node.args[1:2] if isinstance(a, ast.Constant))


def test_every_fault_that_we_name_is_one_that_the_redaction_knows():
    """A name that is missing here would leave as `_OTHER`, and nobody could tell faults apart."""
    named = {*named_faults(), PointerError.__qualname__}
    assert len(named) > 4
    assert named | {kind.__qualname__ for kind in (ReceiptError, *ReceiptError.__subclasses__())} <= FAULTS
    assert all(is_error_type(name) for name in FAULTS)
    assert {attributes.MODEL_NAME, attributes.MODEL_VERSION, attributes.MODEL_PREVIOUS_VERSION} >= _names.NAME_KEYS
